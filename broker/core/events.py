"""What the broker tells its operator: one list of events, documented in docs/reference/events.md."""

from __future__ import annotations

from contextvars import ContextVar
from enum import StrEnum
from typing import Protocol


class Event(StrEnum):
    """The names; `broker.observe` decides which go to the log, the audit stream and the metrics."""

    LOGIN_STARTED = "login.started"
    CHALLENGE_GIVEN = "challenge.given"
    CREDENTIAL_REFUSED = "credential.refused"
    LOGIN_SUCCEEDED = "login.succeeded"
    LOGIN_FAILED = "login.failed"
    ACCOUNT_CREATED = "account.created"
    ACCOUNT_LINKED = "account.linked"
    ACCOUNT_LINK_REFUSED = "account.link_refused"
    ACCOUNT_MERGED = "account.merged"
    ACCOUNT_UNLINKED = "account.unlinked"
    ACCOUNT_SIGNED_OUT = "account.signed_out_everywhere"
    ACCOUNT_EXPORTED = "account.exported"
    ACCOUNT_CLOSING = "account.closing"
    ACCOUNT_KEPT = "account.kept"
    ACCOUNT_DELETED = "account.deleted"
    IDENTITY_LOOKED_UP = "identity.looked_up"
    SESSION_STARTED = "session.started"
    SESSION_ENDED = "session.ended"
    LOGOUT_TOLD = "logout.told"
    LOGOUT_FAILED = "logout.failed"
    LOGOUT_BACKLOG = "logout.backlog"
    NOTIFY_QUEUED = "notify.queued"
    NOTIFY_SENT = "notify.sent"
    NOTIFY_FAILED = "notify.failed"
    NOTIFY_POSTPONED = "notify.postponed"
    NOTIFY_REPEATED = "notify.repeated"
    NOTIFY_PAUSED = "notify.paused"
    NOTIFY_STOPPED = "notify.stopped"
    NOTIFY_BACKLOG = "notify.backlog"
    CONSENT_GIVEN = "consent.given"
    CONSENT_REFUSED = "consent.refused"
    CONSENT_TAKEN_BACK = "consent.taken_back"
    REQUEST_PUSHED = "request.pushed"
    CODE_ISSUED = "code.issued"
    CODE_REPLAYED = "code.replayed"
    TOKEN_ISSUED = "token.issued"
    TOKEN_REFRESHED = "token.refreshed"
    TOKEN_ISSUED_TO_CLIENT = "token.issued_to_client"
    TOKEN_REFUSED = "token.refused"
    TOKEN_REUSE_DETECTED = "token.reuse_detected"
    TOKEN_REVOKED = "token.revoked"
    TOKEN_EXCHANGED = "token.exchanged"
    TOKEN_INTROSPECTED = "token.introspected"
    CLIENT_AUTH_FAILED = "client.auth_failed"
    PROOF_REFUSED = "proof.refused"
    CLIENT_REGISTERED = "client.registered"
    CLIENT_UPDATED = "client.updated"
    CLIENT_DELETED = "client.deleted"
    DEVICE_STARTED = "device.started"
    DEVICE_APPROVED = "device.approved"
    DEVICE_DENIED = "device.denied"
    TOKEN_ISSUED_TO_DEVICE = "token.issued_to_device"
    REQUEST_REFUSED = "request.refused"
    KEY_CREATED = "key.created"
    KEY_ACTIVATED = "key.activated"
    KEY_RETIRED = "key.retired"
    KEY_REMOVED = "key.removed"
    GRANTS_ENDED = "grants.ended"
    LIMIT_REACHED = "limit.reached"
    CLIENT_KEYS = "client.keys"
    CLIENT_URL_CALLED = "client.url_called"
    UPSTREAM_CALLED = "upstream.called"
    UPSTREAM_BREAKER = "upstream.breaker"
    UPSTREAM_CLOCK = "upstream.clock"
    UPSTREAM_DISCOVERY = "upstream.discovery"
    UPSTREAM_KEYS = "upstream.keys"
    UPSTREAM_ODD_CLAIM = "upstream.odd_claim"
    UPSTREAM_LOGOUT = "upstream.logout"
    UPSTREAM_REFRESHED = "upstream.refreshed"
    STORE_UNAVAILABLE = "store.unavailable"
    STORE_RECOVERED = "store.recovered"
    TEMPLATE_FAILED = "template.failed"
    STORE_DAMAGED = "store.damaged"
    DATABASE_CREATED = "database.created"
    DATABASE_COPIED = "database.copied"
    SERVER_READY = "server.ready"
    SERVER_STOPPING = "server.stopping"
    SERVER_ERROR = "server.error"


class Recorder(Protocol):
    """Where events go. Field names are those of docs/reference/events.md; a value is never a secret or an address."""

    def record(self, event: Event, /, **fields: str | int | float | bool | None) -> None:
        """Take note; never raises and never blocks."""


visitor: ContextVar[str] = ContextVar("visitor", default="")
"""Where the request being answered comes from, to tell apart what one visitor does and what many see. Never logged."""

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request being answered: in every log line, and the reference number on an error page."""
