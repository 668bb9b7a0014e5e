"""Signing keys: the ring that publishes, rotates and retires them.

Who holds the private halves is behind an interface; what a leak calls for is told here, too.
"""
