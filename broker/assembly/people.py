"""People looked after, by themselves and by operators, tied together."""

from __future__ import annotations

from collections.abc import Callable

from broker.assembly.parts import Parts, Settings
from broker.services.devices import EXPIRES_IN
from broker.services.people.deeds import Deeds


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
