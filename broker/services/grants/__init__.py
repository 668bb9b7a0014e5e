"""Grants of the token endpoint (RFC 6749 section 4): the phases of all in `endpoint`, and a file per grant type.

`giving` is the one way from a login to a grant and its tokens.
"""
