"""What tokens say: ID token and access token claims, audience (RFC 8707), scopes to claims, DPoP proofs (RFC 9449).

Minting and opening them, with keys and seals, is done in `broker.services.tokens`.
"""
