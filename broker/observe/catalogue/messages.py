"""Events of what the broker tells others by itself: logouts to apps, events to webhooks, messages to people."""

from __future__ import annotations

from collections.abc import Mapping

from broker.core.events import Event
from broker.observe.catalogue.entry import Entry
from broker.observe.meters import count, set_backlog, set_bot_stopped, set_events, set_messages

MESSAGES: Mapping[Event, Entry] = {
    Event.LOGOUT_TOLD: Entry(
        "info",
        True,
        ("client_id", "sub", "attempts"),
        "An app confirmed that it heard of a logout; `sub` is the person as that app knows them.",
        count("broker_logout_tokens_total", "client_id", outcome="told"),
    ),
    Event.LOGOUT_FAILED: Entry(
        "warning",
        True,
        ("client_id", "sub", "attempts", "outcome", "reason"),
        "An app could not be told of a logout: it is tried again (`waiting`), or given up (`failed`).",
        count("broker_logout_tokens_total", "client_id", "outcome"),
    ),
    Event.LOGOUT_BACKLOG: Entry("debug", False, ("waiting",), "How many logout tokens are on their way.", set_backlog),
    Event.WEBHOOK_TOLD: Entry(
        "info",
        False,
        ("webhook", "what", "attempts"),
        "A webhook took an event.",
        count("broker_webhook_events_total", "webhook", outcome="told"),
    ),
    Event.WEBHOOK_FAILED: Entry(
        "warning",
        True,
        ("webhook", "what", "attempts", "outcome", "reason"),
        "A webhook did not take an event: it is tried again (`waiting`), or given up (`failed`).",
        count("broker_webhook_events_total", "webhook", "outcome"),
    ),
    Event.WEBHOOK_OVERFLOWED: Entry(
        "error",
        True,
        ("webhook", "dropped"),
        "Too many events were waiting for a webhook that takes none: the oldest were given up.",
        count("broker_webhook_events_total", "webhook", outcome="overflowed"),
    ),
    Event.WEBHOOK_BACKLOG: Entry(
        "debug", False, ("waiting",), "How many events are on their way to webhooks.", set_events
    ),
    Event.NOTIFY_QUEUED: Entry(
        "debug",
        False,
        ("client_id",),
        "An app ordered a message to somebody.",
        count("broker_notifications_total", "client_id", outcome="queued"),
    ),
    Event.NOTIFY_SENT: Entry(
        "info",
        False,
        ("client_id", "provider", "attempts"),
        "A message of an app was taken by the messenger.",
        count("broker_notifications_total", "client_id", outcome="sent"),
    ),
    Event.NOTIFY_FAILED: Entry(
        "warning",
        False,
        ("client_id", "provider", "attempts", "outcome", "reason"),
        "A message is not sent: the person does not let the bot write (`unreachable`), or it was given up (`failed`).",
        count("broker_notifications_total", "client_id", "outcome"),
    ),
    Event.NOTIFY_POSTPONED: Entry(
        "info",
        False,
        ("client_id", "provider", "attempts", "reason"),
        "A message could not be sent just now, and is tried again.",
        count("broker_notifications_total", "client_id", outcome="postponed"),
    ),
    Event.NOTIFY_REPEATED: Entry(
        "info",
        False,
        ("client_id", "provider", "attempts"),
        "A message is tried again of which nobody knows whether it arrived: it may arrive twice.",
        count("broker_notifications_repeated_total", "provider"),
    ),
    Event.NOTIFY_PAUSED: Entry(
        "warning",
        False,
        ("provider", "seconds"),
        "The messenger told a bot to wait; nothing is sent by it meanwhile.",
        count("broker_notify_pauses_total", "provider"),
    ),
    Event.NOTIFY_STOPPED: Entry(
        "error",
        True,
        ("provider", "reason"),
        "The messenger does not know a bot's token any more: put in the new one and reload. Its messages wait.",
        set_bot_stopped,
    ),
    Event.NOTIFY_BACKLOG: Entry("debug", False, ("waiting",), "How many messages are on their way.", set_messages),
}
