"""One login attempt at one upstream provider: begin, `state`, finish, what comes of it; and signed links.

An attempt is sealed into the browser that began it, so an unproved visitor costs no storage.
"""
