"""The single sign-on session of a browser: its start, its limits, its end here, and the end of the one at the upstream.

What ended stays ended, whatever a store that went back in time says.
"""
