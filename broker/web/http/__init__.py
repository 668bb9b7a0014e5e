"""HTTP read and answered: bounded bodies and queries, JSON answers, cookies, DPoP headers, content security policy.

Nobody else sets a cookie.
"""
