"""Clients: of the file, kept by operators, registered by themselves, in one directory."""

from __future__ import annotations

from broker.assembly.parts import Parts, Settings
from broker.services.clients.directory import ClientAssertions, Clients
from broker.services.clients.kept import KeptClients
from broker.services.clients.keys import ClientKeys
from broker.services.clients.registrations import Registrations


def build_registrations(parts: Parts, settings: Settings) -> Registrations:
    """Those that register themselves."""
    return Registrations(
        parts.context,
        parts.durable.clients,
        parts.outbound,
        seal=parts.seal("registered client"),
        policy=settings.registration,
        kept=parts.kept,
        off=parts.off,
    )


def build_directory(parts: Parts, settings: Settings, keys: ClientKeys, registrations: Registrations) -> Clients:
    """All of them, but for what an operator has switched off."""
    assertions = ClientAssertions(parts.context, parts.transient, keys)
    return Clients(parts.context, settings.clients, assertions, registrations, kept=parts.kept, off=parts.off)


def build_kept_clients(parts: Parts, settings: Settings) -> KeptClients:
    """Those that operators keep; none is known before it has looked (`refresh`)."""
    return KeptClients(parts.context, parts.durable, parts.kept, settings.rules)
