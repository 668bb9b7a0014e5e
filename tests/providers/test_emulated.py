"""Every built-in type against the emulated services the demo ships, over real sockets, with every fault they know."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from time import time
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from broker.core.errors import UpstreamDenied, UpstreamError, UpstreamUnavailable
from broker.core.people.identity import Identity
from broker.core.records import Wishes
from broker.demo.emulation import registered_apps
from broker.demo.markup import parse_markup
from broker.demo.people import ADA, BORIS, PEOPLE, ZOE, Person
from broker.demo.servers import serving, take_port
from broker.demo.upstreams import EMULATORS, VK, Emulator, Options, RegisteredApp
from broker.demo.upstreams.bot_api import BOT_FAULTS
from broker.demo.upstreams.bot_chat import UPDATE_FAULTS
from broker.demo.upstreams.oidc_logins import LOGOUT_FAULTS
from broker.registry import provider_types
from broker.testing.bench import FLOW, Notes
from broker.upstream.exchange import tls_context
from broker.upstream.http import HttpPool
from broker.upstream.lend import lend
from broker.upstream.model import Channel, Flow, Provider, Reply, unpack_reply
from tests.providers.cases import FIXTURES
from tests.providers.test_oidc_proof import pem

pytestmark = pytest.mark.anyio

ISSUER = "https://id.example.com"
EMULATED: Mapping[str, Mapping[str, Any]] = {
    path.stem: json.loads(path.read_text(encoding="utf-8")).get("emulated", {})
    for path in sorted(FIXTURES.glob("*.json"))
}
"""Provider type -> its ways, as its fixture has them: settings, harmless faults, whether there is e-mail."""

WAYS: Mapping[str, tuple[str, Mapping[str, object]]] = {
    **{way: (kind, one["settings"]) for kind, ways in EMULATED.items() for way, one in ways.items()},
    "google": ("google", {"client_id": "g1", "client_secret": "s"}),
    "vk": ("vk", {"client_id": "7654321"}),
    "vk confidential": ("vk", {"client_id": "7654321", "service_token": "t", "provider": "mail_ru"}),
    "vk with id_token": ("vk", {"client_id": "7654321", "id_token_key": VK([]).public_key().decode()}),
    "ok": ("ok", {"client_id": "512000", "client_secret": "s", "public_key": "CBA", "scopes": ["GET_EMAIL"]}),
    "ok client": ("ok", {"client_id": "512000", "client_secret": "s", "public_key": "CBA", "mode": "client"}),
    "yandex": ("yandex", {"client_id": "y1", "client_secret": "s"}),
    "oidc": ("oidc", {"client_id": "broker", "client_secret": "s", "issuer": "https://sso.example.com"}),
    "oidc form": (
        "oidc",
        {
            "client_id": "broker",
            "client_secret": "s",
            "issuer": "https://sso.example.com/realms/x/",
            "response_mode": "form_post",
            "token_endpoint_auth_method": "client_secret_post",
            "scopes": ["openid", "profile", "email", "phone"],
            "pkce": "required",
        },
    ),
    "oidc by key": (
        "oidc",
        {
            "client_id": "broker",
            "issuer": "https://sso.example.com",
            "token_endpoint_auth_method": "private_key_jwt",
            "client_assertion": {"key": pem(ec.generate_private_key(ec.SECP256R1()))},
            "id_token_encryption": {"key": pem(ec.generate_private_key(ec.SECP256R1())), "alg": "ECDH-ES"},
            "pushed_requests": "required",
        },
    ),
    "telegram": ("telegram", {"client_id": "7000000001", "client_secret": "s", "request_phone": True}),
    "telegram widget": ("telegram", {"client_id": "7000000001", "mode": "widget", "bot_token": "7000000001:t"}),
    "telegram embedded": (
        "telegram",
        {"client_id": "7000000001", "mode": "widget", "bot_token": "7000000001:t", "bot_username": "sample_bot"},
    ),
}
_CHECKED_ID_TOKEN = {"no_id_token", "wrong_signature", "wrong_audience", "expired_token"}
_SIGNED_FIELDS = {"wrong_hash", "old_auth_date", "future_auth_date", "result_false"}
_OF_MINI_APPS = {"no_user", "no_signature", "test_environment"}
_VK_ODDITIES = {"payload_form", "error_400"}
_OIDC_ODDITIES = {"rotated_keys", "rotated_at_signing", "no_kid", "two_keys", "email_as_text", "weak_acr"}
_OIDC_ODDITIES |= {"many_audiences", "signed_userinfo"}
_OK_ODDITIES = {"error_in_query", "text_codes", "number_expiry", "other_user_id", "any_app_key"}
# What goes wrong after a login cannot be noticed at one.
_LATER = {"refresh_refused", *LOGOUT_FAULTS}
# The faults through which somebody may log in all the same: oddities that are allowed for, faults of a way not taken,
# and one upstream consistently speaking of one other person, which nobody could tell. All others end in a failure.
HARMLESS: Mapping[str, set[str]] = {
    **{way: set(one["harmless"]) for ways in EMULATED.values() for way, one in ways.items()},
    "google": {"rotated_keys", "bare_issuer", "email_as_text", "hosted_domain", "hd_gmail", "other_user_id"},
    "vk": {*_VK_ODDITIES, *_CHECKED_ID_TOKEN},
    "vk confidential": {*_VK_ODDITIES, *_CHECKED_ID_TOKEN},
    "vk with id_token": _VK_ODDITIES,
    "ok": _OK_ODDITIES,
    "ok client": {*_OK_ODDITIES, "error_200", "invalid_grant"},
    "yandex": {"other_user_id"},
    "oidc": _OIDC_ODDITIES | _LATER,
    "oidc form": _OIDC_ODDITIES | _LATER,
    "oidc by key": _OIDC_ODDITIES | _LATER,
    "telegram": {
        "es256k",
        "new_field",
        "echoed_nonce",
        "rotated_keys",
        "number_audience",
        "more_claims",
        *_SIGNED_FIELDS,
        *_OF_MINI_APPS,
        *BOT_FAULTS,
        *UPDATE_FAULTS,
    },
    "telegram widget": {*EMULATORS["telegram"].faults_known} - {"decline", *_SIGNED_FIELDS},
    "telegram embedded": {*EMULATORS["telegram"].faults_known} - {"decline", *_SIGNED_FIELDS},
}


NO_EMAIL = {"telegram", "telegram widget", "telegram embedded", "ok client"}
NO_EMAIL |= {way for ways in EMULATED.values() for way, one in ways.items() if one.get("no_email")}
KINDS = sorted({kind for kind, _ in WAYS.values()})


class DeadEndError(Exception):
    """The browser stays on a page of the upstream's own, and the broker hears nothing."""


@dataclass
class World:
    """One emulator and one provider that knows it by nothing but its addresses, which begin with `base`."""

    emulator: Emulator
    provider_again: Callable[[], Provider]
    browser: httpx2.AsyncClient
    base: str = ""

    def __post_init__(self) -> None:
        self.provider = self.provider_again()
        self.memo: Mapping[str, str] = {}

    async def log_in(self, person: Person = ADA, flow: Flow = FLOW) -> Identity:
        """Begin, let the person agree, finish."""
        return await self.finish(flow, await self.agree(person, flow))

    async def finish(self, flow: Flow, reply: Reply, provider: Provider | None = None) -> Identity:
        """The attempt comes back with what the newest beginning wanted to be kept."""
        return await (provider or self.provider).finish(replace(flow, memo=self.memo), reply)

    async def agree(self, person: Person, flow: Flow = FLOW) -> Reply:
        """What reaches the callback after the person agreed, or did not."""
        step = await self.provider.begin(flow)
        self.memo = step.memo
        answer = await self.browser.get(step.url, params={**_query(step.url), "_person": person.key})
        if answer.status_code == 200 and 'id="answer"' in answer.text:
            form = parse_markup(step.url, answer.text).forms[0]
            assert (form.method, form.action) == ("POST", flow.redirect_uri)
            return Reply(Channel.FORM_POST, form.fields)
        if answer.status_code == 400:
            raise DeadEndError
        assert answer.status_code == 302, answer.text
        target = urlsplit(answer.headers["location"])
        assert f"{target.scheme}://{target.netloc}{target.path}" in {flow.redirect_uri, flow.callback_with_state}
        answer_in = target.fragment.strip("_=")  # Meta's services append `#_` or `#_=_`, which says nothing
        via = Channel.FRAGMENT if answer_in else Channel.QUERY
        return unpack_reply(self.provider, Reply(via, dict(parse_qsl(answer_in or target.query))))


def _query(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


@asynccontextmanager
async def world(way: str, **more: object) -> AsyncIterator[World]:
    kind, given = WAYS[way]
    port = take_port(kind, "127.0.0.1")
    base = f"http://127.0.0.1:{port.number}"
    provider_type = provider_types([kind])[kind]
    settings: Any = provider_type.Settings.model_validate(
        {"type": kind, **given, "browser_base": base, "server_base": base, **more}
    )
    other = RegisteredApp("512001", "another secret", ("https://other.example/cb",), {"public_key": "OTHER"})
    emulator = EMULATORS[kind]([*registered_apps(ISSUER, [("x", settings)]), other], Options(clock=time))
    pool = await HttpPool.open()

    def again() -> Provider:
        """As after a restart: no keys cached, breaker closed."""
        return provider_type(settings, lend(pool, "x", settings, recorder=Notes()))

    async with serving([(port, emulator.app)]), httpx2.AsyncClient(verify=tls_context(None)) as browser:
        try:
            yield World(emulator, again, browser, base)
        finally:
            await pool.close()


def begun_now() -> Flow:
    """An attempt that starts as the test does, on the real clock the emulators run on."""
    return replace(FLOW, started_at=int(time()))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("person", PEOPLE, ids=lambda person: person.key)
async def test_everybody_can_log_in_and_is_known_by_the_upstreams_own_id(way: str, person: Person) -> None:
    kind, _ = WAYS[way]
    async with world(way) as at:
        identity = await at.log_in(person, begun_now())
        assert identity.subject == at.emulator.subject(person)
    assert str(identity.claims["name"]).split()[0] == person.given_name.split()[0]
    if way in NO_EMAIL or not person.email_at(kind):
        assert "email" not in identity.claims
    else:
        assert identity.claims["email"] == person.email_at(kind)


async def test_the_same_bot_gives_the_same_person_in_all_three_ways() -> None:
    async with world("telegram") as oidc, world("telegram widget") as widget, world("telegram embedded") as embedded:
        found = [await one.log_in(ZOE, begun_now()) for one in (oidc, widget, embedded)]
    assert {identity.subject for identity in found} == {ZOE.ids["telegram"]}


@pytest.mark.parametrize("kind", ["google", "vk", "ok", "yandex", "telegram", "oidc"])
async def test_only_the_upstreams_own_evidence_verifies_an_address(kind: str) -> None:
    async with world(kind) as at:
        ada, zoe = await at.log_in(ADA, begun_now()), await at.log_in(ZOE, begun_now())
    trusted = {"google": True, "yandex": True, "vk": False, "ok": False, "oidc": True}
    assert ada.claims.get("email_verified") == trusted.get(kind)
    assert zoe.claims.get("email_verified") is not True


async def test_a_level_is_asked_for_and_what_was_reached_is_told() -> None:
    async with world("oidc") as at:
        asked = replace(begun_now(), wishes=Wishes(acr_values=("urn:example:gold",)))
        assert (await at.log_in(ADA, asked)).acr == "urn:example:gold"
        at.emulator.faults.switch("weak_acr", on=True)
        assert (await at.log_in(ADA, asked)).acr == "urn:example:silver", "not what was asked for: what the issuer says"
        assert (await at.log_in(ADA, begun_now())).acr == ""


@pytest.mark.parametrize("way", HARMLESS)
async def test_every_fault_but_the_harmless_ones_ends_in_a_failure_of_the_upstream(way: str) -> None:
    kind, _ = WAYS[way]
    async with world(way) as at:
        unnoticed = {fault for fault in EMULATORS[kind].faults_known if await _lets_in(at, fault)}
    assert unnoticed == HARMLESS[way]


async def _lets_in(at: World, fault: str) -> bool:
    at.emulator.control.clear()
    at.emulator.faults.switch(fault, on=True)
    flow = begun_now()
    try:
        await at.finish(flow, await at.agree(ADA, flow), at.provider_again())
    except (UpstreamError, DeadEndError):
        return False
    return True


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", ["500", "html_502", "slow", "empty_answer", "not_json", "huge_answer"])
async def test_an_upstream_that_is_down_is_told_apart_from_one_that_refuses(kind: str, fault: str) -> None:
    way = next(way for way, (one, _) in WAYS.items() if one == kind)
    # Long enough for whoever answers on a busy machine, and shorter than the ten seconds of a slow one.
    async with world(way, timeout=1.5 if fault == "slow" else 5) as at:
        flow = begun_now()
        reply = await at.agree(ADA, flow)
        at.emulator.faults.switch(fault, on=True)
        with pytest.raises(UpstreamError) as caught:
            await at.finish(flow, reply)
    if fault in {"500", "html_502", "slow"}:
        assert isinstance(caught.value, UpstreamUnavailable)


@pytest.mark.parametrize("way", [way for way in WAYS if way != "telegram embedded"])
async def test_a_person_who_goes_back_has_cancelled(way: str) -> None:
    async with world(way) as at:
        at.emulator.faults.switch("decline", on=True)
        flow = begun_now()
        with pytest.raises(UpstreamDenied):
            await at.finish(flow, await at.agree(ADA, flow))


async def test_c13_a_token_of_another_app_logs_nobody_in() -> None:
    async with world("ok client") as at:
        reply = await at.agree(BORIS, begun_now())
    other = {"client_id": "512001", "public_key": "OTHER"}
    async with world("ok client", **other) as at:
        with pytest.raises(UpstreamError):
            await at.provider.finish(begun_now(), reply)


async def test_c23_a_token_of_another_app_cannot_be_signed_for_even_where_the_upstream_would_take_it() -> None:
    async with world("ok client") as at:
        flow = begun_now()
        at.emulator.faults.switch("any_app_key", on=True)
        foreign = at.emulator.apps["512001"]
        step = await at.provider.begin(flow)
        query = {**_query(step.url), "client_id": foreign.client_id, "redirect_uri": foreign.redirect_uris[0]}
        answer = await at.browser.get(step.url.partition("?")[0], params={**query, "_person": "ada"})
        fragment = dict(parse_qsl(urlsplit(answer.headers["location"]).fragment))
        assert len(fragment["session_secret_key"]) == 32, "the key that fits the token comes along"
        with pytest.raises(UpstreamError):
            await at.provider.finish(flow, Reply(Channel.FRAGMENT, fragment))
        reply = await at.agree(ADA, flow)
        for brought in ("0" * 32, "", fragment["session_secret_key"]):
            own = Reply(Channel.FRAGMENT, {**reply.params, "session_secret_key": brought})
            assert (await at.provider.finish(flow, own)).subject == ADA.ids["ok"], "what the browser brings is not read"


@pytest.mark.parametrize("pinned", ["no key", "_FOREIGN_KEY"])
async def test_an_id_token_that_the_pinned_key_did_not_sign_lets_nobody_in(pinned: str) -> None:
    async with world("vk", id_token_key=_FOREIGN_KEY if pinned == "_FOREIGN_KEY" else pinned) as at:
        with pytest.raises(UpstreamError):
            await at.log_in(ADA, begun_now())


_FOREIGN_KEY = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAc1y66UxrUtEA6PouxNYkFf4Z3VxQC3Pk+b3rCuRCphA=
-----END PUBLIC KEY-----"""
