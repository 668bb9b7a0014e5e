"""Events of upstreams: calls, documents and keys, what they tell, and tokens of theirs that are kept."""

from __future__ import annotations

from collections.abc import Mapping

from broker.core.events import Event
from broker.observe.catalogue.entry import BOTH, Entry
from broker.observe.meters import count, count_keys, observe_call, set_breaker, set_clock

UPSTREAMS: Mapping[Event, Entry] = {
    Event.UPSTREAM_CALLED: Entry(
        "debug", False, ("provider", "operation", "outcome", "duration_ms"), "A call to a provider ended.", observe_call
    ),
    Event.UPSTREAM_BREAKER: Entry(
        "warning",
        False,
        ("provider", "state", "reason"),
        "A provider is left alone (open) or asked again (closed), and why; the log says `breaker`.",
        set_breaker,
        {"state": "breaker"},
    ),
    Event.UPSTREAM_CLOCK: Entry(
        "debug",
        False,
        ("provider", "ahead_s"),
        "An ID token was made `ahead_s` seconds ahead of our clock; negative: before it, as far as the way takes.",
        set_clock,
    ),
    Event.UPSTREAM_DISCOVERY: Entry(
        "info",
        False,
        ("provider", "outcome", "reason"),
        "A provider's discovery document was fetched and checked, or could not be used, and why.",
        count("broker_upstream_discoveries_total", "provider", "outcome"),
    ),
    Event.UPSTREAM_KEYS: Entry(
        "info",
        False,
        ("provider", "outcome", "keys", "reason"),
        "A provider's signing keys were fetched, or could not be, and why.",
        count_keys,
    ),
    Event.UPSTREAM_ODD_CLAIM: Entry(
        "info",
        False,
        ("provider", "claim"),
        "A provider told something that is only shown in a form nobody knows, or signed a field that is new: it was "
        "left out, and the login went on.",
        count("broker_upstream_odd_claims_total", "provider", "claim"),
    ),
    Event.UPSTREAM_LOGOUT: Entry(
        "info",
        True,
        ("provider", "kind", "outcome", "sessions"),
        "A provider says that one session (`sid`) or all of a person (`sub`) ended; `sessions` of ours had grants. "
        "`refused`: its token was not believed. `ours`: a logout here could not be taken on to the provider.",
        count("broker_upstream_logouts_total", "provider", "kind", "outcome"),
    ),
    Event.UPSTREAM_EVENT: Entry(
        "info",
        True,
        ("provider", "kind", "outcome", "sub", "sessions", "reason", "confirmation"),
        "A provider tells that something happened to somebody there, by its own word: `sessions` of ours had grants, "
        "and the outcome is `ended`, `unlinked`, `closed`, `kept`, `marked`, `noted`, `nobody` or, of a message that "
        "was taken before, `repeated`. `refused`: the message was not believed, or could not be checked, and why. "
        "`confirmation` is the code that somebody has who wanted to be deleted.",
        count("broker_upstream_events_total", "provider", "kind", "outcome"),
    ),
    Event.UPSTREAM_REFRESHED: Entry(
        "info",
        False,
        ("provider", "outcome"),
        "A provider was asked whether somebody is still welcome: confirmed, or the name of the failure. "
        "UpstreamDenied and UpstreamInvalid end the login, others leave it.",
        count("broker_upstream_refreshes_total", "provider", "outcome"),
    ),
    Event.UPSTREAM_TOKENS_KEPT: Entry(
        "info", True, (*BOTH, "sub"), "A login for an app that may have the provider's tokens: they are kept, sealed."
    ),
    Event.UPSTREAM_TOKENS_RENEWED: Entry(
        "info", False, ("provider", "outcome"), "Kept tokens were renewed, or the name of the failure."
    ),
    Event.UPSTREAM_TOKENS_HANDED: Entry(
        "info", True, (*BOTH, "sub"), "An app got a user's token.", count("broker_upstream_tokens_total", *BOTH)
    ),
    Event.UPSTREAM_TOKENS_WITHDRAWN: Entry(
        "info", True, ("provider", "sub", "outcome"), "A person withdrew what apps may do at a provider."
    ),
}
