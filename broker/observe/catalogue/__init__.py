"""The one list of events: how loud, whether audited, with which fields, counted how, and what each means.

docs/reference/events.md is made from it.
"""

from __future__ import annotations

from collections.abc import Mapping

from broker.core.events import Event
from broker.observe.catalogue.apps import APPS
from broker.observe.catalogue.entry import Entry
from broker.observe.catalogue.messages import MESSAGES
from broker.observe.catalogue.people import PEOPLE
from broker.observe.catalogue.server import SERVER
from broker.observe.catalogue.upstreams import UPSTREAMS

EVENTS: Mapping[Event, Entry] = {**PEOPLE, **MESSAGES, **APPS, **UPSTREAMS, **SERVER}
