"""Moved to broker.testing.hostile."""

from broker.testing.hostile import shapes

__all__ = ["shapes"]
