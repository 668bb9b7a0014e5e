"""Services and endpoints put together over whatever stores and providers the composition root picked."""

from broker.assembly.parts import Parts, Settings
from broker.assembly.public import build_public
from broker.assembly.services import Services

__all__ = ["Parts", "Services", "Settings", "build_public"]
