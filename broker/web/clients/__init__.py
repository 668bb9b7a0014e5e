"""What apps and upstreams call from their servers: PAR, device codes, introspection, revocation, logout tokens.

And dynamic client registration (RFC 7591). The token endpoint is `broker.web.tokens`.
"""
