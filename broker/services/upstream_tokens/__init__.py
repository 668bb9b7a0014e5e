"""Upstreams' own tokens for apps: kept when a login was for such an app, renewed, and handed out by token exchange.

Nothing of this happens unless provider and client both say so (ADR 57).
"""
