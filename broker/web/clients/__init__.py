"""What apps call from their servers: PAR, device codes, introspection, revocation.

And dynamic client registration (RFC 7591).
"""
