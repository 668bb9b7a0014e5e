"""The emulated OpenID Provider against the specifications it stands for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Any, ClassVar

import jwt
import pytest

from broker.demo.markup import parse_markup
from broker.demo.people import ADA, PEOPLE
from broker.demo.upstreams import Oidc, RegisteredApp
from broker.demo.upstreams.oidc_logins import EVENT
from tests.demo.emulated import CALLBACK, CHALLENGE, STATE, VERIFIER, Upstream, emulated

pytestmark = pytest.mark.anyio
ISSUER = "https://sso.example.com/realms/x"
APP = RegisteredApp("broker", "oidc-secret", (CALLBACK,), {"issuer": ISSUER})
OTHER = RegisteredApp("other", "other-secret", (CALLBACK,))
REQUEST = {
    "client_id": APP.client_id,
    "response_type": "code",
    "scope": "openid email profile",
    "redirect_uri": CALLBACK,
    "state": STATE,
    "nonce": "n-1",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}
AUTHORIZE, TOKEN = "/realms/x/authorize", "/realms/x/token"


@pytest.fixture
async def op(anyio_backend: str) -> AsyncIterator[Upstream]:
    async with emulated(partial(Oidc, (APP, OTHER))) as upstream:
        yield upstream


async def exchange(op: Upstream, code: str, /, **changes: str) -> tuple[int, Any]:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    form |= {"client_id": APP.client_id, "client_secret": APP.client_secret}
    answer = await op.post(TOKEN, form | changes)
    return answer.status_code, answer.json()


async def test_the_document_names_the_issuer_of_the_app_and_everything_lies_below_it(op: Upstream) -> None:
    document = (await op.get("/realms/x/.well-known/openid-configuration")).json()
    assert document["issuer"] == ISSUER
    ends = [url for name, url in document.items() if name.endswith(("_endpoint", "_uri"))]
    assert len(ends) == 7
    assert all(url.startswith(f"{ISSUER}/") for url in ends)


async def test_a_full_login_yields_a_thin_token_that_verifies_and_claims_at_userinfo(op: Upstream) -> None:
    answer = await op.answer_of(AUTHORIZE, **REQUEST)
    assert (answer["state"], answer["iss"]) == (STATE, ISSUER)
    status, tokens = await exchange(op, answer["code"])
    assert status == 200
    keys = jwt.PyJWKSet.from_dict((await op.get("/realms/x/jwks")).json())
    key = keys[jwt.get_unverified_header(tokens["id_token"])["kid"]]
    options: Any = {"verify_exp": False, "verify_iat": False}
    claims = jwt.decode(tokens["id_token"], key, algorithms=["RS256"], audience=APP.client_id, options=options)
    assert (claims["iss"], claims["sub"], claims["nonce"]) == (ISSUER, ADA.ids["oidc"], "n-1")
    assert "email" not in claims
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    told = (await op.http.get("/realms/x/userinfo", headers=bearer)).json()
    assert (told["sub"], told["email"], told["email_verified"]) == (ADA.ids["oidc"], ADA.email, True)
    assert (await op.get("/realms/x/userinfo")).status_code == 401


@pytest.mark.parametrize(
    "changes",
    [
        {"code": "made-up"}, {"redirect_uri": "https://other.example/"}, {"code_verifier": "v" * 43},
        {"code_verifier": ""}, {"client_secret": "wrong"}, {"client_id": "nobody"},
        {"client_id": OTHER.client_id, "client_secret": OTHER.client_secret}, {"grant_type": "password"},
    ],
    ids=str,
)  # fmt: skip
async def test_a_code_is_good_for_its_app_its_place_and_its_verifier_alone(op: Upstream, changes: Any) -> None:
    code = (await op.answer_of(AUTHORIZE, **REQUEST))["code"]
    assert (await exchange(op, code, **changes))[0] in {400, 401}


async def test_a_code_is_good_once_and_for_a_minute(op: Upstream) -> None:
    code = (await op.answer_of(AUTHORIZE, **REQUEST))["code"]
    assert [(await exchange(op, code))[0] for _ in range(2)] == [200, 400]
    code = (await op.answer_of(AUTHORIZE, **REQUEST))["code"]
    op.clock.at += 60
    assert (await exchange(op, code))[0] == 400


async def test_a_verifier_without_a_challenge_is_refused(op: Upstream) -> None:
    plain = {name: value for name, value in REQUEST.items() if not name.startswith("code_challenge")}
    code = (await op.answer_of(AUTHORIZE, **plain))["code"]
    assert (await exchange(op, code))[0] == 400
    code = (await op.answer_of(AUTHORIZE, **plain))["code"]
    assert (await exchange(op, code, code_verifier=""))[0] == 200


async def test_a_posted_answer_is_a_form_that_sends_itself_and_holds_only_text(op: Upstream) -> None:
    state = '"><script>alert(1)</script>'
    page = await op.get(AUTHORIZE, _person="ada", **REQUEST | {"response_mode": "form_post", "state": state})
    (form,) = [one for one in parse_markup(AUTHORIZE, page.text).forms if one.id == "answer"]
    assert (form.method, form.action, form.fields["state"]) == ("POST", CALLBACK, state)
    assert {"code", "iss"} <= form.fields.keys()
    assert "<script>alert(1)" not in page.text


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"response_mode": "web_message"}, "invalid_request"),
        ({"prompt": "none"}, "login_required"),
    ],
)
async def test_a_request_it_cannot_grant_comes_back_with_an_error(op: Upstream, changes: Any, error: str) -> None:
    answer = await op.answer_of(AUTHORIZE, **REQUEST | changes)
    assert (answer["error"], answer["state"], answer["iss"]) == (error, STATE, ISSUER)


@pytest.mark.parametrize("changes", [{"client_id": "nobody"}, {"redirect_uri": "https://other.example/"}], ids=str)
async def test_a_stranger_is_sent_nowhere(op: Upstream, changes: Any) -> None:
    page = await op.get(AUTHORIZE, _person="ada", **REQUEST | changes)
    assert (page.status_code, "location" in page.headers) == (400, False)


async def test_the_time_of_the_login_is_told_to_whoever_asked_for_it(op: Upstream) -> None:
    for more, told in (({}, False), ({"max_age": "60"}, True), ({"prompt": "login"}, True)):
        code = (await op.answer_of(AUTHORIZE, **REQUEST | more))["code"]
        _, tokens = await exchange(op, code)
        claims = jwt.decode(tokens["id_token"], options={"verify_signature": False})
        assert (claims.get("auth_time") == op.clock.at) is told


async def test_people_have_keys_of_their_own_here() -> None:
    assert len({person.ids["oidc"] for person in PEOPLE}) == 3
    assert Oidc([]).issuer == "https://sso.example.com"


async def test_a_refresh_token_is_good_once_and_the_next_id_token_has_no_nonce(op: Upstream) -> None:
    code = (await op.answer_of(AUTHORIZE, **REQUEST | {"scope": "openid offline_access"}))["code"]
    _, tokens = await exchange(op, code)
    again = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    status, renewed = await exchange(op, "", **again)
    assert (status, renewed["refresh_token"] != tokens["refresh_token"]) == (200, True)
    first, second = (claims_of(one["id_token"]) for one in (tokens, renewed))
    assert (first["sub"], first["sid"], "nonce" in second) == (second["sub"], second["sid"], False)
    assert (await exchange(op, "", **again))[0] == 400
    await op.fault("refresh_refused")
    assert (await exchange(op, "", **again | {"refresh_token": renewed["refresh_token"]}))[0] == 400


class Telling(Oidc):
    """Notes what it would have posted."""

    posted: ClassVar[list[tuple[str, Mapping[str, str]]]] = []

    @staticmethod
    async def post(url: str, form: Mapping[str, str]) -> int:
        """Every app is content."""
        Telling.posted.append((url, form))
        return 200


async def test_a_logout_ends_the_session_tells_the_app_and_returns_only_where_it_is_registered() -> None:
    told = {"backchannel_logout_uri": "https://id.test/backchannel/x", "post_logout_redirect_uri": "https://id.test/"}
    app = RegisteredApp("broker", "oidc-secret", (CALLBACK,), {"issuer": ISSUER, **told})
    async with emulated(partial(Telling, (app,))) as op:
        Telling.posted.clear()
        _, tokens = await exchange(op, (await op.answer_of(AUTHORIZE, **REQUEST))["code"])
        hint = {"id_token_hint": tokens["id_token"], "state": "s-1"}
        assert (await op.get("/realms/x/logout", id_token_hint="made-up")).status_code == 400
        assert (await op.get("/realms/x/logout", **hint, post_logout_redirect_uri="https://x.test/")).status_code == 400
        answer = await op.get("/realms/x/logout", **hint, post_logout_redirect_uri="https://id.test/out")
        assert answer.headers["location"] == "https://id.test/out?state=s-1"
        (url, form), *_ = Telling.posted
        said = claims_of(form["logout_token"])
        assert (url, said["sid"]) == (told["backchannel_logout_uri"], claims_of(tokens["id_token"])["sid"])
        assert (said["aud"], list(said["events"]), "nonce" in said) == ("broker", [EVENT], False)
        assert (await op.order("logout", person="ada")).json() == []
        await exchange(op, (await op.answer_of(AUTHORIZE, **REQUEST))["code"])
        (order,) = (await op.order("logout", person="ada", everywhere=True)).json()
        assert (order["client_id"], order["status"], "sid" in claims_of(order["token"])) == ("broker", 200, False)


async def test_an_app_without_an_address_for_it_hears_of_no_logout(op: Upstream) -> None:
    await exchange(op, (await op.answer_of(AUTHORIZE, **REQUEST))["code"])
    assert (await op.order("logout", person="ada")).json() == []


def claims_of(token: str) -> dict[str, Any]:
    """What a token says."""
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


async def test_a_token_that_is_given_back_counts_no_more_and_the_answer_is_empty(op: Upstream) -> None:
    answer = await op.answer_of(AUTHORIZE, **REQUEST | {"scope": "openid offline_access"})
    _, tokens = await exchange(op, answer["code"])
    for secret, status in (("wrong", 401), (APP.client_secret, 200), (APP.client_secret, 200)):
        form = {"token": tokens["refresh_token"], "client_id": APP.client_id, "client_secret": secret}
        told = await op.http.post("/realms/x/revoke", data=form)
        assert told.status_code == status
    assert told.content == b""
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    form |= {"client_id": APP.client_id, "client_secret": APP.client_secret}
    assert (await op.http.post("/realms/x/token", data=form)).json() == {"error": "invalid_grant"}
