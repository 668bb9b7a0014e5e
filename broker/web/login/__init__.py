"""Leaving for an upstream provider, its callback, and signed links nobody asked for (IdP-initiated login).

The attempt itself is `broker.services.login`.
"""
