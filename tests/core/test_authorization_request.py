"""The checks of an authorization request, one row per rule; without a check its row fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import get_args, get_type_hints

import pytest

from broker.core.authorize.request import KNOWN, build_request
from broker.core.authorize.request import ROWS as TABLE
from broker.core.authorize.request import Row as TableRow
from broker.core.clients.client import Client, RequestPolicy
from broker.core.errors import InvalidRequest, RequestError
from broker.core.records import AuthorizationRequest
from broker.core.terms import GrantType
from broker.core.wire.parameters import Parameters
from tests.core.authorization_request import (
    CHALLENGE,
    CLIENT,
    PACKAGED,
    PUBLIC,
    REDIRECT,
    RELAXED,
    STRICT,
    send,
    target_of,
)


def rule_of(row: TableRow) -> Callable[[Parameters, Client], object]:
    """The rule as a request meets it: only where a parameter of its row was sent, unless it is always asked."""
    return lambda params, client: (
        row.prove(params, client) if row.always or not params.keys().isdisjoint(row.names) else None
    )


RULES: dict[str, Callable[[Parameters, Client], object]] = {
    "repeated": lambda params, _: params.check_single(KNOWN),
    **{row.names[0]: rule_of(row) for row in TABLE},
}
"""Every rule, by the first parameter it is about."""
REFRESH_ONLY = Client(id="app", name={}, redirect_uris=(REDIRECT,), grants=frozenset({GrantType.REFRESH_TOKEN}))
API = "https://api.test"
ASKS = replace(CLIENT, requests=RequestPolicy(resources=(API,)))
QUERY_ONLY = Client(id="app", name={}, redirect_uris=(REDIRECT,), response_modes=frozenset({"query"}))


@dataclass(frozen=True, slots=True)
class Row:
    """A request that exactly one rule refuses, and with which error."""

    rule: str
    error: str
    params: Parameters
    client: Client = CLIENT


ROWS = (
    *(
        Row("repeated", "invalid_request", send((name, "x")))
        for name in sorted(set(KNOWN) & {"response_type", "scope", "state", "nonce", "code_challenge"})
    ),
    *(
        Row("repeated", "invalid_request", send((name, ""), (name, "")))
        for name in sorted(set(KNOWN) - {"client_id", "redirect_uri"})
    ),
    Row("registration", "registration_not_supported", send(registration="{}")),
    Row("response_type", "invalid_request", send(response_type=None)),
    Row("response_type", "unsupported_response_type", send(response_type="token")),
    Row("response_type", "unsupported_response_type", send(response_type="id_token")),
    Row("response_type", "unsupported_response_type", send(response_type="code token")),
    Row("response_type", "unsupported_response_type", send(response_type="code id_token")),
    Row("response_type", "unsupported_response_type", send(response_type="CODE")),
    Row("response_type", "unsupported_response_type", send(response_type="none")),
    Row("response_type", "unauthorized_client", send(), REFRESH_ONLY),
    Row("response_mode", "invalid_request", send(response_mode="fragment")),
    Row("response_mode", "invalid_request", send(response_mode="form_post.jwt")),
    Row("response_mode", "invalid_request", send(response_mode="form_post"), QUERY_ONLY),
    Row("response_mode", "invalid_request", send(response_mode="web_message")),
    Row("state", "invalid_request", send(state="x" * 2049)),
    Row("nonce", "invalid_request", send(nonce="x" * 1025)),
    Row("login_hint", "invalid_request", send(login_hint="x" * 1025)),
    Row("acr_values", "invalid_request", send(acr_values="x" * 1025)),
    *(
        Row("idp_hint", "invalid_request", send((hint, "x" * 1025), idp_hint=None))
        for hint in ("idp_hint", "kc_idp_hint", "connector_id")
    ),
    Row("ui_locales", "invalid_request", send(ui_locales="x" * 1025)),
    Row("scope", "invalid_scope", send(scope=None)),
    Row("scope", "invalid_scope", send(scope="   ")),
    Row("scope", "invalid_scope", send(scope="admin")),
    Row("scope", "invalid_scope", send(scope="OPENID")),
    Row("scope", "invalid_scope", send(scope="phone")),
    Row("prompt", "invalid_request", send(prompt="create none")),
    Row("prompt", "invalid_request", send(prompt="Login")),
    Row("prompt", "invalid_request", send(prompt="none login")),
    Row("prompt", "invalid_request", send(prompt="consent none")),
    Row("code_challenge", "invalid_request", send(code_challenge=None, code_challenge_method=None, nonce=None)),
    Row("code_challenge", "invalid_request", send(code_challenge=None, code_challenge_method=None, scope="email")),
    Row("code_challenge", "invalid_request", send(code_challenge=None, code_challenge_method=None), STRICT),
    Row("code_challenge", "invalid_request", send(code_challenge=None, code_challenge_method=None), PUBLIC),
    Row("code_challenge", "invalid_request", send(code_challenge=None, code_challenge_method=None), PACKAGED),
    Row("code_challenge", "invalid_request", send(code_challenge=None), RELAXED),
    Row("code_challenge", "invalid_request", send(code_challenge_method=None)),
    Row("code_challenge", "invalid_request", send(code_challenge_method="plain")),
    Row("code_challenge", "invalid_request", send(code_challenge_method="s256")),
    Row("code_challenge", "invalid_request", send(code_challenge=CHALLENGE[:-1])),
    Row("code_challenge", "invalid_request", send(code_challenge=CHALLENGE + "=")),
    Row("dpop_jkt", "invalid_request", send(dpop_jkt="x")),
    Row("dpop_jkt", "invalid_request", send(dpop_jkt=CHALLENGE + "=")),
    *(
        Row("max_age", "invalid_request", send(max_age=value))
        for value in ("-1", "1.5", "1e3", "x", " 1", "٣", "9" * 10)
    ),
    Row("claims", "invalid_request", send(claims="{")),
    Row("resource", "invalid_target", send(resource="https://unknown.test")),
    Row("resource", "invalid_target", send(("resource", "https://unknown.test"), ("resource", API)), ASKS),
    Row("resource", "invalid_target", send(resource=f"{API}#x"), ASKS),
    Row("authorization_details", "invalid_authorization_details", send(authorization_details="[]")),
    Row("claims", "invalid_request", send(claims='{"id_token":{"sub":{"value":7}}}')),
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.rule}: {dict(row.params)}"[:80])
def test_each_rule_is_refused_by_its_check_with_its_error(row: Row) -> None:
    with pytest.raises(RequestError) as caught:
        build_request(row.params, target_of(row.params, row.client))
    assert caught.value.code == row.error
    with pytest.raises(RequestError):
        RULES[row.rule](row.params, row.client)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.rule}: {dict(row.params)}"[:80])
def test_no_other_check_stands_in_for_a_missing_one(row: Row) -> None:
    for name, rule in RULES.items():
        if name != row.rule:
            rule(row.params, row.client)


def test_every_check_has_a_row_and_is_in_the_list() -> None:
    assert {row.rule for row in ROWS} == set(RULES)


def test_what_the_specifications_name_is_sent_once_whoever_reads_it() -> None:
    target = {"client_id", "redirect_uri"}
    read_by_services = {"request", "request_uri", "id_token_hint"}
    read_by_nobody = {"display", "claims_locales"}
    of_rows = {name for row in TABLE for name in row.names} - {"resource"}
    assert set(KNOWN) == target | read_by_services | read_by_nobody | of_rows


def test_every_parameter_and_every_field_has_one_row_of_the_table() -> None:
    names = [name for row in TABLE for name in row.names]
    assert len(names) == len(set(names))
    proved = [field for row in TABLE for field in row.fields]
    elsewhere = ["client_id", "redirect_uri", "request_uri", "device"]
    assert sorted(proved + elsewhere) == sorted(AuthorizationRequest.__struct_fields__)


def test_a_row_proves_what_its_field_may_hold() -> None:
    record = get_type_hints(AuthorizationRequest)
    for row in TABLE:
        read = row.read.func if isinstance(row.read, partial) else row.read
        proves = get_type_hints(read)["return"]
        values = get_args(proves) if len(row.fields) > 1 else (proves,) * len(row.fields)
        assert values == tuple(record[field] for field in row.fields), row.names


@pytest.mark.parametrize(
    ("params", "client"),
    [
        (send(), CLIENT),
        (send(code_challenge=None, code_challenge_method=None), RELAXED),
        (send(code_challenge=None, code_challenge_method=None), CLIENT),
        (send(nonce=None), STRICT),
        (send(nonce=None), PUBLIC),
        (send(nonce=None), CLIENT),
        (send(nonce=None, code_challenge=None, code_challenge_method=None), RELAXED),
        (send(state=None), CLIENT),
        (send(response_mode="query"), CLIENT),
        (send(response_mode="form_post"), CLIENT),
        (send(max_age="0"), CLIENT),
        (send(dpop_jkt="0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"), CLIENT),
        (send(max_age="999999999"), CLIENT),
        (send(display="popup", claims_locales="se", acr_values="1 2"), CLIENT),
        (send(extra="foobar", audience="https://a.test"), CLIENT),
        (send(("extra", "1"), ("extra", "2")), CLIENT),
        (send(prompt="login consent select_account"), CLIENT),
        (send(prompt="none"), CLIENT),
        (send(prompt="create"), CLIENT),
        (send(("resource", API), ("resource", API)), ASKS),
    ],
)
def test_what_the_specifications_allow_is_accepted(params: Parameters, client: Client) -> None:
    assert build_request(params, target_of(params, client)).client_id == "app"


def test_a_checked_request_says_what_was_asked() -> None:
    params = send(
        prompt="login",
        max_age="60",
        ui_locales="ru en-GB <x> x",
        login_hint="ann@a.test",
        acr_values="a b",
        kc_idp_hint="vk",
        response_mode="form_post",
        claims='{"userinfo":{"email":null}}',
    )
    assert build_request(params, target_of(params)) == AuthorizationRequest(
        client_id="app",
        redirect_uri=REDIRECT,
        scope=("openid", "profile"),
        state="s-1",
        nonce="n-1",
        code_challenge=CHALLENGE,
        response_mode="form_post",
        prompt=("login",),
        max_age=60,
        login_hint="ann@a.test",
        ui_locales=("ru", "en-GB", "x"),
        acr_values=("a", "b"),
        idp_hint="vk",
        claims={"userinfo": {"email": None}},
    )


@pytest.mark.parametrize(
    ("client", "switches"),
    [
        (CLIENT, "switch on PKCE with S256, or else nonce, in the library of this app"),
        (STRICT, "switch on PKCE with S256 in the library of this app"),
        (PUBLIC, "switch on PKCE with S256 in the library of this app"),
    ],
)
def test_a_request_tied_to_nothing_is_told_in_one_sentence_what_to_switch_on(client: Client, switches: str) -> None:
    params = send(code_challenge=None, code_challenge_method=None, nonce=None)
    with pytest.raises(InvalidRequest) as caught:
        build_request(params, target_of(params, client))
    assert caught.value.public.endswith(switches)


@pytest.mark.parametrize("name", ["idp_hint", "kc_idp_hint", "connector_id"])
def test_a_provider_may_be_hinted_at_by_three_names(name: str) -> None:
    params = send(**{name: "yandex"})
    assert build_request(params, target_of(params)).idp_hint == "yandex"


@pytest.mark.parametrize(
    ("scope", "granted"),
    [
        ("openid admin offline_access", ("openid",)),
        ("admin email openid", ("email", "openid")),
        ("openid openid", ("openid",)),
        ("phone profile", ("profile",)),
    ],
)
def test_a15_scopes_beyond_the_registration_are_left_out(scope: str, granted: tuple[str, ...]) -> None:
    params = send(scope=scope)
    assert build_request(params, target_of(params)).scope == granted
