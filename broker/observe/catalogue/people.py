"""Events of people: how they sign in, their accounts and sessions, and what operators do with them."""

from __future__ import annotations

from collections.abc import Mapping

from broker.core.events import Event
from broker.observe.catalogue.entry import BOTH, Entry
from broker.observe.meters import count, count_login

_ACCOUNTS = "broker_accounts_changed_total"

PEOPLE: Mapping[Event, Entry] = {
    Event.LOGIN_STARTED: Entry(
        "debug",
        False,
        (*BOTH, "select_by"),
        "A browser is sent to a provider, or Google's prompt on our page was answered: then `select_by` is Google's"
        " unsigned word on how.",
        count("broker_logins_started_total", *BOTH),
    ),
    Event.CHALLENGE_GIVEN: Entry(
        "debug",
        False,
        BOTH,
        "An app took a challenge, to let somebody sign in with a provider's kit.",
        count("broker_logins_started_total", *BOTH),
    ),
    Event.CREDENTIAL_REFUSED: Entry(
        "warning",
        True,
        (*BOTH, "kind", "outcome", "reason", "fingerprint"),
        "What an app posted of a provider's kit did not count, and exactly why; the app is not told. `fingerprint` is"
        " where its SHA-256 begins.",
        count("broker_login_failures_total", *BOTH, "outcome"),
    ),
    Event.LOGIN_SUCCEEDED: Entry(
        "info",
        True,
        (*BOTH, "sub", "ms", "unasked", "posted"),
        "Somebody logged in; `ms` from leaving to returning.",
        count_login,
    ),
    Event.LOGIN_FAILED: Entry(
        "warning",
        True,
        (*BOTH, "outcome", "reason"),
        "A login ended without success: cancelled, or the name of the failure.",
        count("broker_login_failures_total", *BOTH, "outcome"),
    ),
    Event.BOT_OPENED: Entry(
        "debug", False, BOTH, "A browser shows a link that opens the provider's bot, and a number."
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
        ("sub", "provider", "invited"),
        "A first login made an account; `invited` where an invitation was spent for it.",
        count("broker_accounts_created_total", "provider"),
    ),
    Event.ACCESS_REFUSED: Entry(
        "warning",
        True,
        (*BOTH, "sub", "demand"),
        "Somebody whom a provider vouches for was not let in: `demand` is the key of the configuration that they do not"
        " meet. The person is not told which it is. `sub` is empty where they have no account.",
        count("broker_access_refused_total", *BOTH),
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
        "Somebody joined their account `absorbed` to `sub`, which stays; what the former was signed in to has ended."
        " Without a `provider` an operator did it for them.",
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
        ("sub", "closes_at", "reason"),
        "An account is to be deleted at `closes_at` (epoch seconds): a person, an operator or an upstream asked for it,"
        " or nobody used it for as long as `accounts.unused_kept` says.",
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
    Event.ACCOUNT_CLAIM_CHANGED: Entry(
        "info",
        True,
        ("sub", "claim", "state"),
        "An operator set or removed (`state`) a claim that apps are told of somebody; who did is in `operator.acted`.",
        count(_ACCOUNTS, change="claim"),
    ),
    Event.INVITATION_MADE: Entry(
        "info", True, ("invite", "kind", "provider", "expires_at"), "An operator invited somebody, by `kind`."
    ),
    Event.INVITATION_REMOVED: Entry("info", True, ("invite",), "An operator took an invitation back."),
    Event.OPERATOR_ACTED: Entry(
        "info",
        True,
        ("use_case", "sub", "client_id", "by", "why", "outcome"),
        "An operator asked for something, or changed it. `by` is the user of this machine who did, as its kernel says,"
        " or `token` and the name of a token of the admin API; `outcome` is `done`, or the error they got.",
        count("broker_operator_acts_total", "use_case", "outcome"),
    ),
    Event.ADMIN_REFUSED: Entry(
        "warning",
        True,
        ("reason",),
        "A token opened nothing at the admin API: unknown, revoked, or expired.",
        count("broker_admin_refused_total"),
    ),
    Event.ADMIN_TOKEN_MADE: Entry(
        "warning", True, ("name", "scope", "expires_at", "by", "why"), "Somebody made a token for the admin API."
    ),
    Event.ADMIN_TOKEN_REVOKED: Entry(
        "warning", True, ("name", "by", "why"), "Somebody revoked a token for the admin API."
    ),
    Event.PEOPLE_IMPORTED: Entry(
        "info",
        True,
        ("source", "by", "why", "applied", "new", "same", "refused"),
        "An operator brought people of another system (`source`), some at a time, or only asked what would become of"
        " them (`applied`: false). Those who are `new` have an account now, those who are the `same` had it.",
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
}
