"""What people and apps are told of a failure: which page, which code, which words."""

from __future__ import annotations

from broker.core.errors import (
    AccessBarred,
    AccountClosing,
    AccountError,
    BrokerError,
    PageError,
    ProviderSwitchedOff,
    RequestError,
    SealBroken,
    SignUpClosed,
    StoreUnavailable,
    TooManyRequests,
    UpstreamDenied,
    UpstreamError,
    UpstreamUnavailable,
)
from broker.core.events import request_id


def page_of(error: BrokerError) -> str:
    """Which page tells a person about this; the codes of docs/reference/errors.md."""
    if isinstance(error, PageError | UpstreamError):
        return error.page
    pages: tuple[tuple[type[BrokerError], str], ...] = (
        (TooManyRequests, "E-LIMIT"),
        (StoreUnavailable, "E-UNAVAILABLE"),
        (RequestError, "E-CLIENT"),
        (AccountClosing, "E-CLOSING"),
        (AccessBarred, "E-ACCESS"),
        (SignUpClosed, "E-SIGNUP"),
        (AccountError, "E-BLOCKED"),
        (SealBroken, "E-EXPIRED"),  # sealed by another version of ours, before an upgrade
    )
    return next((page for kind, page in pages if isinstance(error, kind)), "E-INTERNAL")


def code_of(error: BrokerError) -> str:
    """The code an app is told of a login that failed (RFC 6749 section 4.1.2.1)."""
    return error.code if isinstance(error, UpstreamError | StoreUnavailable | ProviderSwitchedOff) else "access_denied"


def about_login(error: BrokerError) -> str:
    """What the app's developer is told of a login that failed (RFC 6749 section 4.1.2.1)."""
    if isinstance(error, UpstreamDenied | AccountError):
        return error.public or "the login was refused"
    if isinstance(error, ProviderSwitchedOff):
        return error.public
    if isinstance(error, UpstreamUnavailable | StoreUnavailable):
        return "a service that the login needs does not answer; try again"
    return (
        f"the login did not succeed, by no fault of the user; the operator finds why under reference {request_id.get()}"
    )


def about_fault(error: BrokerError) -> str:
    """What anybody is told of a failure that has no words of its own for them."""
    if isinstance(error, StoreUnavailable | UpstreamUnavailable):
        return "temporarily unavailable; try again"
    return f"the request failed; quote reference {request_id.get()}"
