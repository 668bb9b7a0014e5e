"""The one list of events: how loud, whether audited, with which fields, counted how, and what each means.

docs/reference/events.md is made from it.
"""

from __future__ import annotations

from collections.abc import Mapping

from broker.core.events import Event
from broker.observe.catalogue_clients import CLIENTS
from broker.observe.catalogue_devices import DEVICES
from broker.observe.catalogue_people import PEOPLE
from broker.observe.catalogue_server import SERVER
from broker.observe.event_entry import Entry

EVENTS: Mapping[Event, Entry] = {**PEOPLE, **CLIENTS, **DEVICES, **SERVER}
