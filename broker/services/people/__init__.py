"""People: from an identity to an account, whether it may still sign in, what it is called, which `sub` a client sees.

`standing` is asked wherever somebody is let in. An e-mail address never makes or joins accounts by itself.
"""
