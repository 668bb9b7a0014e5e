"""The one list of events: how loud, whether audited, with which fields, counted how, and what each means.

docs/reference/events.md is made from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from broker.core.events import Event
from broker.observe.meters import (
    Meter,
    count,
    count_active,
    count_keys,
    count_login,
    count_store_down,
    observe_call,
    set_backlog,
    set_bot_stopped,
    set_breaker,
    set_clock,
    set_ending,
    set_messages,
    set_ready,
    set_store_damaged,
    set_store_up,
    set_switched,
)

_BOTH = ("provider", "client_id")
_CHANGES = "broker_client_registrations_total"
_ACCOUNTS = "broker_accounts_changed_total"
_CONSENTS = "broker_consents_total"
_ANSWERS = "broker_device_answers_total"


@dataclass(frozen=True, slots=True)
class Entry:
    """What becomes of one event. `renamed` maps a field to its name in the log where its own would be redacted."""

    level: str
    audit: bool
    fields: tuple[str, ...]
    about: str
    meter: Meter | None = None
    renamed: Mapping[str, str] | None = None


EVENTS: Mapping[Event, Entry] = {
    # About people, what apps get for them, and what is refused.
    Event.LOGIN_STARTED: Entry(
        "debug",
        False,
        (*_BOTH, "select_by"),
        "A browser is sent to a provider, or Google's prompt on our page was answered: then `select_by` is Google's"
        " unsigned word on how.",
        count("broker_logins_started_total", *_BOTH),
    ),
    Event.CHALLENGE_GIVEN: Entry(
        "debug",
        False,
        _BOTH,
        "An app took a challenge, to let somebody sign in with a provider's kit.",
        count("broker_logins_started_total", *_BOTH),
    ),
    Event.CREDENTIAL_REFUSED: Entry(
        "warning",
        True,
        (*_BOTH, "kind", "outcome", "reason", "fingerprint"),
        "What an app posted of a provider's kit did not count, and exactly why; the app is not told. `fingerprint` is"
        " where its SHA-256 begins.",
        count("broker_login_failures_total", *_BOTH, "outcome"),
    ),
    Event.LOGIN_SUCCEEDED: Entry(
        "info",
        True,
        (*_BOTH, "sub", "ms", "unasked", "posted"),
        "Somebody logged in; `ms` from leaving to returning.",
        count_login,
    ),
    Event.LOGIN_FAILED: Entry(
        "warning",
        True,
        (*_BOTH, "outcome", "reason"),
        "A login ended without success: cancelled, or the name of the failure.",
        count("broker_login_failures_total", *_BOTH, "outcome"),
    ),
    Event.BOT_OPENED: Entry(
        "debug", False, _BOTH, "A browser shows a link that opens the provider's bot, and a number."
    ),
    Event.BOT_ANSWERED: Entry(
        "info",
        True,
        ("provider", "outcome"),
        "Somebody answered in a chat: approved, wrong (another number), stopped (it was not them), or quiet (not asked"
        " again for an hour). Many wrong ones are somebody sending such links around.",
        count("broker_bot_answers_total", "provider", "outcome"),
    ),
    Event.ACCOUNT_CREATED: Entry(
        "info",
        True,
        ("sub", "provider"),
        "A first login made an account.",
        count("broker_accounts_created_total", "provider"),
    ),
    Event.ACCOUNT_LINKED: Entry(
        "info", True, ("sub", "provider"), "Somebody added a way into their account.", count(_ACCOUNTS, change="linked")
    ),
    Event.ACCOUNT_LINK_REFUSED: Entry(
        "warning",
        True,
        ("sub", "provider", "reason"),
        "A way in was not added: another session, an old login, another account's, or one that cannot be joined.",
        count(_ACCOUNTS, change="link_refused"),
    ),
    Event.ACCOUNT_MERGED: Entry(
        "warning",
        True,
        ("sub", "absorbed", "provider"),
        "Somebody joined their account `absorbed` to `sub`, which stays; what the former was signed in to has ended.",
        count(_ACCOUNTS, change="merged"),
    ),
    Event.ACCOUNT_UNLINKED: Entry(
        "info",
        True,
        ("sub", "provider"),
        "Somebody took a way in from their account; its sessions and grants ended.",
        count(_ACCOUNTS, change="unlinked"),
    ),
    Event.ACCOUNT_SIGNED_OUT: Entry(
        "info",
        True,
        ("sub", "sessions"),
        "Somebody signed out everywhere but where they were; `sessions` that apps or grants hung on ended.",
        count(_ACCOUNTS, change="signed_out"),
    ),
    Event.ACCOUNT_EXPORTED: Entry(
        "info", True, ("sub",), "Somebody downloaded their data.", count(_ACCOUNTS, change="exported")
    ),
    Event.ACCOUNT_CLOSING: Entry(
        "warning",
        True,
        ("sub", "closes_at"),
        "A person, or an operator, asked for an account to be deleted, which it is at `closes_at` (epoch seconds).",
        count(_ACCOUNTS, change="closing"),
    ),
    Event.ACCOUNT_KEPT: Entry(
        "info", True, ("sub",), "Somebody keeps the account that was to be deleted.", count(_ACCOUNTS, change="kept")
    ),
    Event.ACCOUNT_DELETED: Entry(
        "warning",
        True,
        ("sub",),
        "An account was deleted, as its person or an operator asked; its `sub` is never given again.",
        count(_ACCOUNTS, change="deleted"),
    ),
    Event.ACCOUNT_BLOCKED: Entry(
        "warning",
        True,
        ("sub",),
        "An operator blocked an account; its sessions and grants ended.",
        count(_ACCOUNTS, change="blocked"),
    ),
    Event.ACCOUNT_UNBLOCKED: Entry(
        "warning",
        True,
        ("sub",),
        "An operator lets the person of a blocked account sign in again.",
        count(_ACCOUNTS, change="unblocked"),
    ),
    Event.ACCOUNT_ENDED: Entry(
        "warning",
        True,
        ("sub",),
        "An operator ended every session and grant of an account.",
        count(_ACCOUNTS, change="ended"),
    ),
    Event.OPERATOR_ACTED: Entry(
        "info",
        True,
        ("use_case", "sub", "by", "why", "outcome"),
        "An operator asked for something, or changed it. `by` is the user of this machine who did, as its kernel says;"
        " `outcome` is `done`, or the error they got.",
        count("broker_operator_acts_total", "use_case", "outcome"),
    ),
    Event.IDENTITY_LOOKED_UP: Entry(
        "info",
        True,
        ("client_id", "kind", "found"),
        "An app asked whose a `provider`'s subject or a `former_sub` (`kind`) is; which it was is not kept.",
        count("broker_identity_lookups_total", "client_id", "found"),
    ),
    Event.SESSION_STARTED: Entry(
        "debug",
        True,
        ("sub", "provider"),
        "A browser is signed on.",
        count("broker_sessions_started_total", "provider"),
    ),
    Event.SESSION_ENDED: Entry(
        "debug", True, ("sub", "reason"), "A browser is signed off.", count("broker_sessions_ended_total")
    ),
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
        "The messenger does not know a bot's token any more: put in the new one and restart. Its messages wait.",
        set_bot_stopped,
    ),
    Event.NOTIFY_BACKLOG: Entry("debug", False, ("waiting",), "How many messages are on their way.", set_messages),
    Event.CONSENT_GIVEN: Entry(
        "info", True, ("client_id", "sub"), "Somebody allowed an app.", count(_CONSENTS, "client_id", answer="given")
    ),
    Event.CONSENT_REFUSED: Entry(
        "info", True, ("client_id", "sub"), "Somebody refused an app.", count(_CONSENTS, "client_id", answer="refused")
    ),
    Event.CONSENT_TAKEN_BACK: Entry(
        "info",
        True,
        ("client_id", "sub"),
        "Somebody took back what they had allowed an app; its grants ended.",
        count(_CONSENTS, "client_id", answer="taken_back"),
    ),
    Event.REQUEST_PUSHED: Entry(
        "debug",
        False,
        ("client_id",),
        "An app pushed an authorization request.",
        count("broker_requests_pushed_total", "client_id"),
    ),
    Event.CODE_ISSUED: Entry(
        "debug", False, _BOTH, "An app gets an authorization code.", count("broker_codes_issued_total", *_BOTH)
    ),
    Event.CODE_REPLAYED: Entry(
        "error",
        True,
        ("client_id", "grant_id"),
        "A spent code came again: its grant is revoked. Look at the app, or at who reads its traffic.",
        count("broker_code_replays_total", "client_id"),
    ),
    Event.TOKEN_ISSUED: Entry(
        "info",
        True,
        _BOTH,
        "A code was exchanged for tokens.",
        count("broker_tokens_issued_total", *_BOTH, grant="authorization_code"),
    ),
    Event.TOKEN_REFRESHED: Entry(
        "debug",
        True,
        _BOTH,
        "A refresh token was exchanged for new tokens.",
        count("broker_tokens_issued_total", *_BOTH, grant="refresh_token"),
    ),
    Event.TOKEN_ISSUED_TO_CLIENT: Entry(
        "info",
        True,
        ("client_id",),
        "An app got an access token for itself, with nobody behind it.",
        count("broker_client_tokens_issued_total", "client_id"),
    ),
    Event.TOKEN_REFUSED: Entry(
        "warning",
        False,
        ("client_id", "error"),
        "A token request was refused.",
        count("broker_token_refusals_total", "client_id", "error"),
    ),
    Event.TOKEN_REUSE_DETECTED: Entry(
        "error",
        True,
        ("client_id", "grant_id"),
        "A spent refresh token came back after the grace: its grant is revoked. One of two holders is a thief.",
        count("broker_refresh_reuse_total", "client_id"),
    ),
    Event.TOKEN_REVOKED: Entry(
        "info",
        True,
        ("client_id", "kind", "grant_id"),
        "An app gave a token back. With a `grant_id` everything that hangs on that grant ended with it; of `kind` `all`"
        " and `refresh_tokens` it is all that the app had of the person, by drf-social-oauth2's calls.",
        count("broker_tokens_revoked_total", "client_id", "kind"),
    ),
    Event.TOKEN_EXCHANGED: Entry(
        "info",
        True,
        _BOTH,
        "A client got tokens for a credential that a provider's kit gave to it.",
        count("broker_tokens_issued_total", *_BOTH, grant="token_exchange"),
    ),
    Event.TOKEN_INTROSPECTED: Entry(
        "debug",
        False,
        ("client_id", "active"),
        "An app asked what a token is.",
        count("broker_introspections_total", "client_id", "active"),
    ),
    Event.CLIENT_AUTH_FAILED: Entry(
        "warning",
        True,
        ("client_id", "reason"),
        "A client could not prove itself; `client_id` only when it is one of ours.",
        count("broker_client_auth_failures_total", "client_id"),
    ),
    Event.PROOF_REFUSED: Entry(
        "warning",
        False,
        ("endpoint", "reason"),
        "A DPoP proof was refused: made for something else, used before, or by a clock that is wrong.",
        count("broker_dpop_proofs_refused_total", "endpoint"),
    ),
    Event.REQUEST_REFUSED: Entry(
        "info",
        False,
        ("client_id", "error", "kind", "reason"),
        "A request was answered with an error. `client_id` where it is one of ours.",
        count("broker_requests_refused_total", "error"),
    ),
    # About clients that register themselves.
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
    # About devices that wait for somebody's yes in a browser elsewhere.
    Event.DEVICE_STARTED: Entry(
        "debug",
        False,
        ("client_id",),
        "A device asked for a code to show.",
        count("broker_devices_started_total", "client_id"),
    ),
    Event.DEVICE_APPROVED: Entry(
        "info", True, ("client_id", "sub"), "Somebody let a device in.", count(_ANSWERS, "client_id", answer="approved")
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
    # About keys, limits, upstreams, stores and the server itself.
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
    Event.CLIENT_SWITCHED: Entry(
        "warning", True, ("client_id", "switched", "why", "by"), "The same of a client, by `broker client off`."
    ),
    Event.SWITCH_SEEN: Entry(
        "info",
        False,
        (*_BOTH, "switched"),
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
    Event.CLIENT_KEYS: Entry(
        "info",
        False,
        ("client_id", "outcome", "keys", "reason"),
        "An app's keys were fetched from its `jwks_uri`, or could not be, and why; `keys` is how many are known now.",
        count("broker_client_key_fetches_total", "outcome"),
    ),
    Event.CLIENT_URL_CALLED: Entry(
        "debug",
        False,
        ("method", "outcome", "duration_ms"),
        "A URL that an app supplied was called: its keys, its request object, its logout endpoint. `outcome` is the "
        "status of the answer, or why there was none.",
        count("broker_client_urls_called_total", "method"),
    ),
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
        "info", True, (*_BOTH, "sub"), "A login for an app that may have the provider's tokens: they are kept, sealed."
    ),
    Event.UPSTREAM_TOKENS_RENEWED: Entry(
        "info", False, ("provider", "outcome"), "Kept tokens were renewed, or the name of the failure."
    ),
    Event.UPSTREAM_TOKENS_HANDED: Entry(
        "info", True, (*_BOTH, "sub"), "An app got a user's token.", count("broker_upstream_tokens_total", *_BOTH)
    ),
    Event.UPSTREAM_TOKENS_WITHDRAWN: Entry(
        "info", True, ("provider", "sub", "outcome"), "A person withdrew what apps may do at a provider."
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
    Event.SERVER_READY: Entry("info", True, (), "Requests are accepted.", set_ready),
    Event.SERVER_STOPPING: Entry("info", True, (), "No new connections; requests in flight are finished.", set_ending),
    Event.SERVER_ERROR: Entry(
        "error",
        False,
        ("kind", "reason", "exception"),
        "A bug: report it with this line.",
        count("broker_server_errors_total"),
    ),
}
