"""The single sign-on session of a browser: start, limits and end, and what ties it to the session at its upstream.

What ended stays ended, whatever a store that went back in time says.
"""
