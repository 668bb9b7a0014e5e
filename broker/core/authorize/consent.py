"""Consent: what a person is asked, what a yes rests on, and what of a request is left after a yes to a part of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

import orjson

from broker.core.clients.client import ABOUT_GROUPS, Client
from broker.core.records import AuthorizationRequest
from broker.core.seal import digest
from broker.core.terms import Scope, SubjectType
from broker.core.tokens.claims import build_asked_scope, describe, leave_out

_NO = "-"  # stands before a scope that was left out: neither a scope of ours nor the URI of an API begins so


@dataclass(frozen=True, slots=True)
class Said:
    """The last answer of one person to one promise of one client: `yes` to scopes and URIs of APIs, `no` to scopes.

    Where accounts were merged that answered differently a scope may be in both. Then the no counts.
    """

    yes: frozenset[str] = frozenset()
    no: frozenset[str] = frozenset()

    @classmethod
    def of(cls, words: Iterable[str]) -> Self:
        """What `words` keep."""
        kept = frozenset(words)
        return cls(
            frozenset(word for word in kept if not word.startswith(_NO)),
            frozenset(word.removeprefix(_NO) for word in kept if word.startswith(_NO)),
        )

    @classmethod
    def to(cls, request: AuthorizationRequest, agreed: AuthorizationRequest) -> Self:
        """The answer that leaves `agreed` of what was asked for."""
        return cls(agreed_by(agreed), agreed_by(request) - agreed_by(agreed))

    @property
    def words(self) -> frozenset[str]:
        """As it is kept. A reader that knows of no parts sees scopes nobody has, and asks again."""
        return self.yes | {_NO + word for word in self.no}


def settle(request: AuthorizationRequest, client: Client, said: Said) -> AuthorizationRequest | None:
    """What of the request the person agreed to; None where something was never answered, or too little would be left.

    What they left out stays out, without a question, unless the app cannot do without it any more.
    """
    asked = agreed_by(request)
    refused = asked & said.no
    if not asked <= said.yes | said.no or not refused <= optional_of(request, client):
        return None
    return narrow(request, refused)


def narrow(request: AuthorizationRequest, left_out: Iterable[str]) -> AuthorizationRequest | None:
    """The request without these scopes, and the claims they stand for; None where no scope is left."""
    without = frozenset(left_out)
    scope = tuple([word for word in request.scope if word not in without])
    return request.replace(scope=scope, claims=leave_out(request.claims, without)) if scope else None


def asked_of(request: AuthorizationRequest) -> tuple[str, ...]:
    """The scopes a person is asked about, in the order of the page."""
    return tuple([word for word in (Scope.OPENID,) if word in request.scope]) + describe(
        build_asked_scope(request.scope, request.claims)
    )


def optional_of(request: AuthorizationRequest, client: Client) -> frozenset[str]:
    """Those that the person may leave out: all but `openid` and what the operator says the app cannot do without.

    Of a first-party app that is nothing: whoever uses it has agreed with its operator.
    """
    if client.first_party:
        return frozenset()
    return frozenset(asked_of(request)) - {Scope.OPENID} - client.required_scopes


def agreed_by(request: AuthorizationRequest) -> frozenset[str]:
    """What a yes to this request is remembered as: scopes, and the URIs of APIs, which no scope looks like."""
    return frozenset((*build_asked_scope(request.scope, request.claims), *request.resource))


def promised_by(request: AuthorizationRequest, client: Client) -> str:
    """What a yes to this request of this client rests on; see `promised_at`."""
    return promised_at(request.redirect_uri, client)


def promised_at(redirect_uri: str, client: Client) -> str:
    """What a yes to this client rests on, as a digest. A yes given to one promise is none to another.

    Its name in every language, the host people are sent to, its policy and terms, with whom it can compare people, and
    the accounts elsewhere that it may use, and for what. And what its scopes bring that they bring at no other app.
    """
    place, tokens = urlsplit(redirect_uri), client.tokens
    pairwise = tokens.subject_type is SubjectType.PAIRWISE
    promise: dict[str, object] = {
        "name": dict(client.name),
        "host": place.hostname or place.scheme,
        "subject": tokens.subject_type,
        "sector": tokens.sector if pairwise else "",
        "policy": client.origin.policy_uri,
        "terms": client.origin.tos_uri,
    }
    if client.upstream_tokens:  # what other apps were promised before stays as it was
        promise["upstream"] = {name: sorted(scopes) for name, scopes in client.upstream_tokens.items()}
    if tokens.extra_claims != ABOUT_GROUPS:
        promise["claims"] = {scope: sorted(names.values()) for scope, names in tokens.extra_claims.items()}
    return digest(orjson.dumps(promise, option=orjson.OPT_SORT_KEYS).decode())
