"""Tokens: minting and opening, what a client holds of a grant, proofs of possession, introspection, revocation.

How a token request becomes a grant is told by `broker.services.grants`.
"""
