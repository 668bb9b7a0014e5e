"""Events about devices that wait for somebody's yes in a browser elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

from broker.core.events import Event
from broker.observe.event_entry import Entry, count

_ANSWERS = "broker_device_answers_total"

DEVICES: Mapping[Event, Entry] = {
    Event.DEVICE_STARTED: Entry(
        "debug",
        False,
        ("client_id",),
        "A device asked for a code to show.",
        count("broker_devices_started_total", "client_id"),
    ),
    Event.DEVICE_APPROVED: Entry(
        "info",
        True,
        ("client_id", "sub"),
        "Somebody let a device in.",
        count(_ANSWERS, "client_id", answer="approved"),
    ),
    Event.DEVICE_DENIED: Entry(
        "warning",
        True,
        ("client_id", "sub"),
        "Somebody turned a device away. Many of them: somebody sends people codes of theirs.",
        count(_ANSWERS, "client_id", answer="denied"),
    ),
    Event.TOKEN_ISSUED_TO_DEVICE: Entry(
        "info",
        True,
        ("provider", "client_id"),
        "A device that was let in got its tokens.",
        count("broker_tokens_issued_total", "provider", "client_id", grant="device_code"),
    ),
}
