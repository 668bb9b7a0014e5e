"""The requests a description asks for. Nothing that came from elsewhere chooses where one of them goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from broker.core.wire.query import encode_query
from broker.upstream.exchange import Request, with_basic
from broker.upstream.generic.settings import Call, Revoke, TokenCheck
from broker.upstream.generic.templates import fill, fill_header, fill_url
from broker.upstream.model import Credentials

Document = Mapping[str, Any]
_BODY: Final = frozenset({"POST", "DELETE"})


def token_request(call: Call, form: Mapping[str, str], proof: Credentials, document: Document) -> Request:
    """A token request (RFC 6749 sections 4.1.3 and 6) with our credentials; what we send wins over `params`."""
    return replace(_request(call, document, proof.form, form, with_basic(None, proof.basic)), once=True)


def userinfo_request(call: Call, carrier: str, document: Document) -> Request:
    """A call with the access token, carried as `carrier` says."""
    params, headers = _carried(carrier, str(document["access_token"]))
    in_query = params if carrier.startswith("query:") else {}
    request = _request(call, document, {}, {} if in_query else params, headers)
    return _with_query(request, in_query)


def check_request(check: TokenCheck, proof: Credentials, document: Document) -> Request:
    """The question whose an access token is."""
    call = Call(url=check.url, method=check.method, headers=check.headers, params=check.params)
    token = str(document["access_token"])
    if check.auth not in {"basic", "post"}:
        return userinfo_request(call, check.auth, document)
    request = _request(call, document, proof.form, {check.token_param: token}, with_basic(None, proof.basic))
    return _as_json(request) if check.body == "json" else request


def revoke_request(revoke: Revoke, proof: Credentials, document: Document) -> Request:
    """The request that gives `access_token` of the document back (RFC 7009 section 2.1)."""
    call = Call(url=revoke.url, method=revoke.method)
    token = {revoke.token_param: str(document["access_token"])}
    request = _request(call, document, proof.form, token, with_basic(None, proof.basic))
    return _as_json(request) if revoke.body == "json" else request


def _request(
    call: Call, document: Document, proof: Mapping[str, str], ours: Mapping[str, str], headers: Mapping[str, str]
) -> Request:
    static = {name: fill(text, document) for name, text in call.params.items()}
    params = {**static, **ours, **proof}
    sent = {name: fill_header(text, document) for name, text in call.headers.items()} | {**headers}
    url = fill_url(call.url, document)
    if call.method in _BODY:
        return Request(call.method, url, form=params, headers=sent)
    return _with_query(Request(call.method, url, headers=sent), params)


def _with_query(request: Request, params: Mapping[str, str]) -> Request:
    if not params:
        return request
    url = f"{request.url}{'&' if '?' in request.url else '?'}{encode_query(params)}"
    return replace(request, url=url)


def _as_json(request: Request) -> Request:
    return replace(request, form=None, document=request.form)


def _carried(carrier: str, token: str) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """The parameters and headers that bring the token."""
    kind, _, name = carrier.partition(":")
    if kind in {"query", "form"}:
        return {name: token}, {}
    if kind == "none":
        return {}, {}
    return {}, {"Authorization": f"{name or 'Bearer'} {token}"}
