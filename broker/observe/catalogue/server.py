"""Events of the server itself: signing keys, switches, limits, stores, start and end."""

from __future__ import annotations

from collections.abc import Mapping

from broker.core.events import Event
from broker.observe.catalogue.entry import BOTH, Entry
from broker.observe.meters import (
    count,
    count_active,
    count_store_down,
    set_ending,
    set_ready,
    set_reload_failed,
    set_reloaded,
    set_store_damaged,
    set_store_up,
    set_switched,
)

SERVER: Mapping[Event, Entry] = {
    Event.KEY_CREATED: Entry(
        "info",
        True,
        ("kid", "algorithm"),
        "A signing key was made.",
        count("broker_keys_changed_total", "algorithm", change="created"),
    ),
    Event.KEY_ACTIVATED: Entry(
        "info", True, ("kid", "algorithm"), "A signing key signs from now on; also told at every start.", count_active
    ),
    Event.KEY_RETIRED: Entry(
        "info",
        True,
        ("kid", "algorithm"),
        "A signing key signs no more.",
        count("broker_keys_changed_total", "algorithm", change="retired"),
    ),
    Event.KEY_REMOVED: Entry(
        "warning",
        True,
        ("kid", "algorithm"),
        "A signing key was removed by `broker keys rotate --emergency`: what it signed counts no more.",
        count("broker_keys_changed_total", "algorithm", change="removed"),
    ),
    Event.GRANTS_ENDED: Entry(
        "warning", True, ("grants",), "An operator ended all grants of all people, with every token that hangs on them."
    ),
    Event.PROVIDER_SWITCHED: Entry(
        "warning",
        True,
        ("provider", "switched", "why", "by"),
        "An operator switched a provider off, or on, by `broker provider off`; `by` is their name on the machine.",
    ),
    Event.SWITCH_SEEN: Entry(
        "info",
        False,
        (*BOTH, "switched"),
        "A node knows from here on that a provider or client is off, or on again; at its start, too.",
        set_switched,
    ),
    Event.LIMIT_REACHED: Entry(
        "warning",
        False,
        ("limit",),
        "A source or client was told to wait.",
        count("broker_limits_reached_total", "limit"),
    ),
    Event.STORE_UNAVAILABLE: Entry(
        "error", False, ("store", "detail"), "A store stopped answering; written once per outage.", count_store_down
    ),
    Event.STORE_RECOVERED: Entry("info", False, ("store",), "The store answers again.", set_store_up),
    Event.TEMPLATE_FAILED: Entry(
        "error", False, ("template", "reason"), "A page in `ui.templates` does not work; the built-in one is shown."
    ),
    Event.STORE_DAMAGED: Entry(
        "error",
        False,
        ("store", "detail"),
        "The check that runs beside the work found the file damaged: restore a backup. `/readyz` says no from now on.",
        set_store_damaged,
    ),
    Event.DATABASE_CREATED: Entry(
        "warning",
        True,
        ("path",),
        "There was no database at the configured path, and an empty one was made. At any start but the first, stop: "
        "the one with your people is somewhere else.",
    ),
    Event.DATABASE_COPIED: Entry(
        "info", True, (), "`broker backup` was given a copy of everything, taken from the running server."
    ),
    Event.CONFIG_RELOADED: Entry(
        "info",
        True,
        ("revision", "by", "changed"),
        "The configuration was read anew and is in force. `changed` names keys, at most twenty; `by` is the user of"
        " this machine who asked, or SIGHUP.",
        set_reloaded,
    ),
    Event.CONFIG_RELOAD_FAILED: Entry(
        "error",
        True,
        ("revision", "by", "reason"),
        "The configuration was read anew and refused, for this `reason`. That of `revision` stays in force.",
        set_reload_failed,
    ),
    Event.SERVER_READY: Entry(
        "info",
        True,
        ("revision",),
        "Requests are accepted. `revision` names what the configuration says, by the same word on every node.",
        set_ready,
    ),
    Event.SERVER_STOPPING: Entry("info", True, (), "No new connections; requests in flight are finished.", set_ending),
    Event.SERVER_ERROR: Entry(
        "error",
        False,
        ("kind", "reason", "exception"),
        "A bug: report it with this line.",
        count("broker_server_errors_total"),
    ),
}
