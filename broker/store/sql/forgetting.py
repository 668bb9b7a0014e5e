"""Tokens of upstreams are kept no longer than what they hang on: an account, or a way in."""

from __future__ import annotations

from broker.store.sql.steps import Steps, do


def lose_all(sub: str) -> Steps[int]:
    """Nothing is kept for an account any more."""
    return do("DELETE FROM upstream_tokens WHERE sub = ?", sub)


def lose_way(provider_key: str, subject: str) -> Steps[int]:
    """Nothing is kept of a way in any more."""
    return do("DELETE FROM upstream_tokens WHERE provider_key = ? AND subject = ?", provider_key, subject)
