"""Sber ID: what the shared rules cannot know."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from jwt import encode
from pydantic import ValidationError

from broker.core.errors import UpstreamInvalid
from broker.core.jose.compact import b64url
from broker.demo.upstreams.keys import mac_signed, unsigned
from broker.testing.bench import FLOW, NOW, VERIFIER, signing_key
from broker.testing.raw_server import answer_of
from broker.upstream.http import HttpPool
from broker.upstream.lend import lend
from broker.upstream.model import Redirect
from providers.sber import Sber, SberSettings
from tests.providers.test_russian import asked, case
from tests.upstream.tls_server import Certificate, tls_server

pytestmark = pytest.mark.anyio

CLAIMS = {
    "iss": "https://online.sberbank.ru/CSAFront/index.do",
    "sub": "e327493e-979a-461f-9ca5-edfab9d6fbab",
    "aud": "DA5278AC-A07F-C01A-B2D3-C231DBB2E20F",
    "nonce": FLOW.nonce,
    "exp": NOW + 590,
    "iat": NOW - 10,
}
TOKEN = "answers /ru/prod/tokens/v2/oidc id_token"


def of_sber(**changes: object) -> str:
    """Its ID token as the documentation has it, with a signature that nobody here can check."""
    header = b64url(b'{"typ":"JWT","alg":"gost34-10.2012"}')
    return f"{header}.{b64url(json.dumps({**CLAIMS, **changes}).encode())}.{b64url(b'GOST')}"


async def test_b11_e_an_id_token_of_sber_is_of_this_attempt_this_app_this_issuer_and_this_minute() -> None:
    async with case("sber documented").with_changes({TOKEN: of_sber()}).on_bench() as bench:
        assert (await bench.finish()).subject == CLAIMS["sub"]
    wrong: dict[str, tuple[object, ...]] = {
        "nonce": ("other", "", None, 5, FLOW.nonce.upper()),
        "aud": ("other", "", None, ["other"], [CLAIMS["aud"], "other"]),
        "iss": ("https://evil.example", "", None, "https://online.sberbank.ru"),
        "exp": (NOW - 61, None, "soon", True),
        "iat": (NOW + 61, NOW - 200, None, "now"),
        "azp": ("other",),
        "sub": ("another-person", "", None, 5),
    }
    for claim, values in wrong.items():
        for value in values:
            async with case("sber documented").with_changes({TOKEN: of_sber(**{claim: value})}).on_bench() as bench:
                with pytest.raises(UpstreamInvalid):
                    pytest.fail(f"{claim} {value!r}: {await bench.finish()}")


@pytest.mark.parametrize(
    "token", ["", "a.b.c", "a.b", f"{of_sber()}.x", of_sber().replace(".", "!", 1), "x" * 20_000, 5]
)
async def test_what_is_no_id_token_of_sber_lets_nobody_in(token: object) -> None:
    async with case("sber documented").with_changes({TOKEN: token}).on_bench() as bench:
        with pytest.raises(UpstreamInvalid):
            await bench.finish()


async def test_e1_where_the_operator_has_a_key_only_what_it_signed_counts() -> None:
    good = case("sber checked").data["answers"]["/ru/prod/tokens/v2/oidc"]["id_token"]
    foreign = encode(CLAIMS, signing_key(), algorithm="RS256")
    for token in (of_sber(), unsigned(CLAIMS), foreign, f"{good[:-8]}AAAAAAAA", mac_signed(CLAIMS, b"secret")):
        async with case("sber checked").with_changes({TOKEN: token}).on_bench() as bench:
            with pytest.raises(UpstreamInvalid):
                await bench.finish()
    async with case("sber checked").on_bench() as bench:
        with pytest.raises(UpstreamInvalid, match="nonce"):
            await bench.finish(flow=replace(FLOW, nonce="other"))


async def test_m1_a_profile_that_sber_made_for_another_app_is_refused() -> None:
    for audience in ("other", "", None, "$absent", 5, ["other"]):
        changed = {"answers /ru/prod/sberbankid/v2.1/userinfo aud": audience}
        async with case("sber documented").with_changes(changed).on_bench() as bench:
            with pytest.raises(UpstreamInvalid):
                await bench.finish()


async def test_sber_is_asked_in_its_own_spelling() -> None:
    async with case("sber documented").on_bench() as bench:
        step = await bench.provider.begin(FLOW)
        assert isinstance(step, Redirect)
    assert "scope=openid%20name%20email%20mobile&" in step.url
    found = await asked("sber documented")
    assert (found["client_type"], found["nonce"]) == ("PRIVATE", FLOW.nonce)


async def test_sber_gets_a_number_with_every_call_and_the_secret_in_the_form() -> None:
    numbers = []
    for flow in (FLOW, replace(FLOW, state="another-attempt")):
        async with case("sber documented").on_bench() as bench:
            await bench.finish(case("sber documented").reply(state=flow.state), flow)
            token, info = bench.server.received
        assert "authorization" not in token.headers
        assert (token.params["client_secret"], token.params["code_verifier"]) == ("canary-client-secret", VERIFIER)
        assert (info.method, info.headers["authorization"]) == ("GET", "Bearer canary-access-token")
        numbers += [token.headers["rquid"], info.headers["x-introspect-rquid"]]
    assert len(set(numbers)) == 4
    assert all(re.fullmatch("[0-9a-f]{32}", number) for number in numbers)


async def test_sber_is_told_of_a_login_that_succeeded_and_of_no_other() -> None:
    done = "/api/v2/auth/completed"
    for token, calls in ((of_sber(), 1), (of_sber(nonce="other"), 0)):
        told = case("sber documented").with_changes(
            {TOKEN: token, "settings completed_url": f"https://oauth.sber.ru{done}"}
        )
        async with told.on_bench() as bench:
            bench.server.answers[done] = answer_of(b"", "204 No Content")
            with suppress(UpstreamInvalid):
                await bench.finish()
            for _ in range(100 * calls):
                if bench.server.received[-1].path == done:
                    break
                await asyncio.sleep(0.02)
            await asyncio.sleep(0.05)
            found = [call for call in bench.server.received if call.path == done]
        assert len(found) == calls
        for call in found:
            assert (call.method, call.headers["authorization"]) == ("GET", "Bearer canary-access-token")
            assert re.fullmatch("[0-9a-f]{32}", call.headers["rquid"])


def sber_settings(**changes: object) -> SberSettings:
    made = {"type": "sber", "client_id": "c", "client_secret": "s", "server_base": "https://proxy.example", **changes}
    return SberSettings.model_validate(made)


def test_sber_wants_openid_first_and_a_certificate() -> None:
    assert sber_settings().scopes[0] == "openid"
    for changes, said in (
        ({"scopes": ["name", "openid"]}, "openid has to stand first"),
        ({"scopes": []}, "openid has to stand first"),
        ({"server_base": None}, "client_cert is needed"),
    ):
        with pytest.raises(ValidationError, match=said):
            sber_settings(**changes)
    assert sber_settings(server_base=None, enabled=False).enabled is False


async def test_i9_sber_is_shown_the_certificate_of_its_section(tmp_path: Path) -> None:
    host, ours = Certificate(tmp_path, "localhost"), Certificate(tmp_path, "broker")
    tls = {"ca_file": str(host.cert), "client_cert": str(ours.cert), "client_key": str(ours.key)}
    async with tls_server(host, believes=ours) as server, case("sber documented").on_bench() as bench:
        pool = await HttpPool.open()
        settings = sber_settings(server_base=server.url, tls=tls)
        sber = Sber(settings, lend(pool, "sber", settings, recorder=bench.notes, now=lambda: NOW))
        with pytest.raises(UpstreamInvalid, match="id_token"):  # the server says the same to everybody
            await sber.finish(FLOW, case("sber documented").reply())
        await pool.close()
        await asyncio.sleep(0.05)
    assert server.callers == ["broker"]
