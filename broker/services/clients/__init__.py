"""Clients at work: finding one, authenticating it (secret or assertion), its keys, dynamic registration (RFC 7591).

What a client may do is decided by `broker.core.clients`.
"""
