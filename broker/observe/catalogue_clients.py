"""Events about clients that register themselves."""

from __future__ import annotations

from collections.abc import Mapping

from broker.core.events import Event
from broker.observe.event_entry import Entry, count

_CHANGES = "broker_client_registrations_total"

CLIENTS: Mapping[Event, Entry] = {
    Event.CLIENT_REGISTERED: Entry(
        "info",
        True,
        ("client_id", "namesake"),
        "An app registered itself. `namesake`: another entry whose name looks the same; look at both.",
        count(_CHANGES, change="registered"),
    ),
    Event.CLIENT_UPDATED: Entry(
        "info",
        True,
        ("client_id", "namesake"),
        "An app changed its own entry. `namesake` as above.",
        count(_CHANGES, change="updated"),
    ),
    Event.CLIENT_DELETED: Entry(
        "info", True, ("client_id",), "An app deleted its own entry.", count(_CHANGES, change="deleted")
    ),
}
