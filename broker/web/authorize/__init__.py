"""The authorization endpoint (RFC 6749 section 3.1) and the question it may put: consent.

Both ask `broker.services.authorize` what comes next, and show it.
"""
