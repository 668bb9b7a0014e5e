"""People looked after, by themselves and by operators, tied together."""

from __future__ import annotations

from collections.abc import Callable

from broker.assembly.parts import Parts, Settings
from broker.services.clients.directory import Clients
from broker.services.devices import EXPIRES_IN
from broker.services.people.deeds import Deeds
from broker.services.people.merging import Merging
from broker.services.people.unlinking import Unlinking
from broker.services.sessions.endings import Endings
from broker.services.upstream_events.deletions import Deletions
from broker.services.upstream_events.hearing import Effects, UpstreamEvents


def build_deeds(parts: Parts, settings: Settings, queued: Callable[[], None]) -> Deeds:
    """`queued` wakes who tells apps of logouts."""
    return Deeds(
        parts.context,
        parts.durable,
        deletion_wait=settings.accounts.deletion_wait,
        remember_for=settings.session.absolute,
        codes_live=settings.lifetimes.code + EXPIRES_IN,
        queued=queued,
    )


def build_merging(parts: Parts, settings: Settings, directory: Clients, queued: Callable[[], None]) -> Merging:
    """`queued` as above."""
    remember_for = settings.session.absolute
    return Merging(
        parts.context, parts.durable.accounts, directory, parts.subjects, remember_for=remember_for, queued=queued
    )


def build_unlinking(parts: Parts, settings: Settings, queued: Callable[[], None]) -> Unlinking:
    """`queued` as above."""
    remember_for = settings.session.absolute
    return Unlinking(parts.context, parts.durable.people, parts.providers, remember_for=remember_for, queued=queued)


def build_upstream_events(
    parts: Parts, settings: Settings, endings: Endings, unlinking: Unlinking, deeds: Deeds
) -> UpstreamEvents:
    """They are heard where a provider has `events`."""
    effects, deadline = Effects(endings, unlinking, deeds), settings.deadline
    return UpstreamEvents(
        parts.context, parts.transient, parts.durable.people, parts.providers, effects, deadline=deadline
    )


def build_deletions(parts: Parts, events: UpstreamEvents) -> Deletions:
    """What upstreams and people hear of it that somebody wanted to be deleted."""
    durable = parts.durable
    return Deletions(
        parts.context, events, durable.people, durable.accounts, parts.providers, seal=parts.seal("deletion")
    )
