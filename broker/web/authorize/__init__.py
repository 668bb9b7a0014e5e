"""The authorization endpoint (RFC 6749 section 3.1) and the question it may put: consent."""
