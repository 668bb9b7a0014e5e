"""The kill switch, tied to what it can switch."""

from __future__ import annotations

from broker.assembly.parts import Parts
from broker.core.switches import Switchable
from broker.services.clients.directory import Clients
from broker.services.switches import Switches


def build_switches(parts: Parts, directory: Clients) -> Switches:
    """Everything is on until it has looked (`refresh`), for which everything else is tied before.

    So what is off at the start has its routes all the same, for when it is on again.
    """

    async def has_provider(name: str) -> bool:
        return parts.providers.known(name) is not None

    async def has_client(name: str) -> bool:
        return await directory.known(name) is not None

    known = {Switchable.PROVIDER: has_provider, Switchable.CLIENT: has_client}
    return Switches(parts.context, parts.durable.switches, parts.off, known=known)
