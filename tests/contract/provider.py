"""Moved to broker.testing.provider_contract."""

from broker.testing.provider_contract import ProviderRules, calls_of, refused

__all__ = ["ProviderRules", "calls_of", "refused"]
