"""Events of apps: what they ask for and get, tokens, consents, devices, registration."""

from __future__ import annotations

from collections.abc import Mapping

from broker.core.events import Event
from broker.observe.catalogue.entry import BOTH, Entry
from broker.observe.meters import count

_CHANGES = "broker_client_registrations_total"
_CONSENTS = "broker_consents_total"
_ANSWERS = "broker_device_answers_total"

APPS: Mapping[Event, Entry] = {
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
        "debug", False, BOTH, "An app gets an authorization code.", count("broker_codes_issued_total", *BOTH)
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
        BOTH,
        "A code was exchanged for tokens.",
        count("broker_tokens_issued_total", *BOTH, grant="authorization_code"),
    ),
    Event.TOKEN_REFRESHED: Entry(
        "debug",
        True,
        BOTH,
        "A refresh token was exchanged for new tokens.",
        count("broker_tokens_issued_total", *BOTH, grant="refresh_token"),
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
        BOTH,
        "A client got tokens for a credential that a provider's kit gave to it.",
        count("broker_tokens_issued_total", *BOTH, grant="token_exchange"),
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
    Event.CLIENT_ENTRY_SEEN: Entry(
        "info",
        False,
        ("client_id", "version"),
        "A node knows from here on this version of an app that operators keep in the database, at its start, too; 0: it"
        " is there no more.",
    ),
    Event.CLIENT_ENTRY_UNFIT: Entry(
        "error",
        False,
        ("client_id", "reason"),
        "An app that operators keep in the database breaks a rule of the configuration of today, and is as if it were"
        " not there: `broker client change` it, or the configuration.",
    ),
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
    Event.CLIENT_SWITCHED: Entry(
        "warning", True, ("client_id", "switched", "why", "by"), "The same of a client, by `broker client off`."
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
}
