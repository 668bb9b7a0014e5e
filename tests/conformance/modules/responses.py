"""Modules about the authorization request and the answers along the happy path."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from secrets import token_urlsafe

from broker.core.authorize.pkce import build_challenge
from broker.demo.cookies import is_trustworthy
from tests.conformance.openid_provider import HOME
from tests.conformance.relying_party import RelyingParty


async def test_server(rp: RelyingParty) -> None:
    """Code, tokens, ID token and userinfo of one login agree; headers, entropy and claims are as the texts say."""
    answer = await rp.authorize()
    assert answer.asked == rp.first_visit
    login = await rp.redeem(answer)
    assert login.tokens["scope"] == "openid"
    assert "refresh_token" not in login.tokens
    assert set(await rp.userinfo(login)) == {"sub"}


async def test_response_type_missing(rp: RelyingParty) -> None:
    """Without `response_type` the client gets an error and nobody is asked to log in."""
    answer = await rp.refused({"response_type": None})
    assert answer.params["error"] in {"invalid_request", "unsupported_response_type"}
    assert "response_type" in answer.params["error_description"]


async def test_idtoken_signature(rp: RelyingParty) -> None:
    """A client that asked for no algorithm gets RS256, by a key that is published."""
    login = await rp.log_in()  # the check is in every login: only RS256 is accepted there
    header = json.loads(_decoded(login.tokens["id_token"].partition(".")[0]))
    assert header["alg"] == "RS256"


async def test_idtoken_unsigned(rp: RelyingParty) -> None:
    """`none` is not offered, and no ID token comes without a signature."""
    assert "none" not in rp.op.metadata["id_token_signing_alg_values_supported"]
    login = await rp.log_in()
    assert login.tokens["id_token"].rpartition(".")[2]


async def test_ensure_request_without_nonce_succeeds_for_code_flow(rp: RelyingParty) -> None:
    """The code flow needs no nonce, and the ID token then has none."""
    login = await rp.log_in({"nonce": None})
    assert "nonce" not in login.claims


async def test_alternate_happy_flow(rp: RelyingParty) -> None:
    """The order of parameters and of scopes means nothing."""
    request = rp.build({"scope": "email openid profile"})
    backwards = dict(reversed(request.items()))
    answer = await rp.follow(await rp.open(backwards), request)
    login = await rp.redeem(answer)
    assert set(login.tokens["scope"].split()) == {"openid", "profile", "email"}
    assert {"name", "email"} <= (await rp.userinfo(login)).keys()


async def test_ensure_request_with_unknown_parameter_succeeds(rp: RelyingParty) -> None:
    """Parameters nobody knows are ignored (RFC 6749 section 3.1)."""
    await rp.log_in({"extra": "foobar", "prompts": "none"})


async def test_display_page(rp: RelyingParty) -> None:
    """`display=page` is no error."""
    await rp.log_in({"display": "page"})


async def test_display_popup(rp: RelyingParty) -> None:
    """`display=popup` is no error."""
    await rp.log_in({"display": "popup"})


async def test_ui_locales(rp: RelyingParty) -> None:
    """A language nobody speaks here is no error, and one we speak is spoken."""
    await rp.log_in({"ui_locales": "se"})
    page = await rp.open(rp.build({"ui_locales": "se ru", "prompt": "login"}))
    assert page.markup.language == "ru"


async def test_claims_locales(rp: RelyingParty) -> None:
    """`claims_locales` is no error."""
    await rp.log_in({"claims_locales": "se"})


async def test_login_hint(rp: RelyingParty) -> None:
    """`login_hint` is no error, and reaches an upstream that understands it."""
    hint = "buffy@rp.example.com"
    await rp.log_in({"login_hint": hint})
    assert hint in [seen.get("login_hint") for seen in rp.op.sent_to("google", "/o/oauth2/v2/auth")]


async def test_ensure_request_with_acr_values_succeeds(rp: RelyingParty) -> None:
    """`acr_values` is no error; an `acr` would have to be text."""
    await rp.log_in({"acr_values": "1 2"})


async def test_ensure_registered_redirect_uri(rp: RelyingParty) -> None:
    """A redirect URI that is not registered, byte for byte, ends on a page that names it; the browser stays here."""
    registered = rp.client.redirect_uri
    for wrong in (f"{HOME}{token_urlsafe(8)}", f"{registered}/", f"{registered}?foo=bar", None):
        shown = await rp.refused_on_page({"redirect_uri": wrong})
        assert "invalid_request" in shown
        assert "redirect_uri" in shown


async def test_ensure_post_request_succeeds(rp: RelyingParty) -> None:
    """A form on the client's page may post the request, although the session cookie does not come with it."""
    request = rp.build()
    first = await rp.redeem(await rp.follow(await rp.post(request), request))
    endpoint = rp.op.metadata["authorization_endpoint"]
    assert is_trustworthy(endpoint)
    assert "__Host-session" in rp.browser.cookies.header(endpoint, method="GET", initiator=HOME)
    assert "__Host-session" not in rp.browser.cookies.header(endpoint, method="POST", initiator=HOME)
    again = rp.build()
    answer = await rp.follow(await rp.post(again), again)
    assert answer.asked == ()
    assert (await rp.redeem(answer)).claims["sub"] == first.claims["sub"]


async def test_request_uri_unsigned_supported_correctly_or_rejected_as_unsupported(rp: RelyingParty) -> None:
    """Of an app that registered no `request_uris` one is refused by its own error and never fetched."""
    emulator = rp.op.broker.emulators["ok"]
    answer = await rp.refused({"request_uri": f"{emulator.url}/request.jwt"})
    assert answer.params["error"] == "request_uri_not_supported"
    assert rp.op.sent_to("ok", "/request.jwt") == []
    assert rp.op.metadata["require_request_uri_registration"] is True


def _refusal(rp: RelyingParty) -> str:
    """What an unsigned object is refused with: an app that has keys may use objects, only not such ones."""
    return "invalid_request_object" if rp.auth_method == "private_key_jwt" else "request_not_supported"


async def test_unsigned_request_object_supported_correctly_or_rejected_as_unsupported(rp: RelyingParty) -> None:
    """An unsigned request object is refused by an error of its own, not ignored."""
    request = rp.build({"state": "outer"})
    answer = await rp.refused({"state": "outer", "request": _unsigned({**request, "state": "inner"})})
    assert answer.params["error"] == _refusal(rp)
    assert "none" not in rp.op.metadata["request_object_signing_alg_values_supported"]


async def test_ensure_request_object_with_redirect_uri(rp: RelyingParty) -> None:
    """The redirect URI inside a request object never leads anybody to the one outside, and is not used either."""
    inner = rp.build({"redirect_uri": rp.client.redirect_uri.replace("callback", "second")})
    shown = await rp.refused_on_page({"redirect_uri": f"{HOME}invalid", "request": _unsigned(inner)})
    assert _refusal(rp) in shown
    answer = await rp.refused({"request": _unsigned(inner)})
    assert answer.params["error"] == _refusal(rp)


async def test_ensure_request_with_valid_pkce_succeeds(rp: RelyingParty) -> None:
    """A challenge of method S256 and its verifier; neither without the other."""
    verifier = token_urlsafe(48)
    challenge = {"code_challenge": build_challenge(verifier), "code_challenge_method": "S256"}
    await rp.redeem(await rp.authorize(challenge), code_verifier=verifier)
    for wrong in ({}, {"code_verifier": token_urlsafe(48)}):
        status, body = await rp.redeem_raw(await rp.authorize(challenge), **wrong)
        assert (status, body["error"]) == (400, "invalid_grant")


def _unsigned(request: dict[str, str]) -> str:
    """A request object of algorithm none (OIDC Core 6.1)."""
    parts = ({"alg": "none"}, {**request, "iss": request["client_id"]})
    return ".".join([*(_encoded(json.dumps(part).encode()) for part in parts), ""])


def _encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _decoded(segment: str) -> bytes:
    return urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


async def test_redirect_uri_query_added(rp: RelyingParty) -> None:
    """A registered redirect URI with a query added is not the registered one."""
    assert "redirect_uri" in await rp.refused_on_page({"redirect_uri": f"{rp.client.redirect_uri}?foo=bar"})
