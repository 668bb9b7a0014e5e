"""The authorization request (RFC 6749 section 4.1.1): its parameters, PKCE, claims, PAR (RFC 9126), JAR (RFC 9101).

Plain, pushed, signed and device requests all become one `AuthorizationRequest`; nothing else makes one.
"""
