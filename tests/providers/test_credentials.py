"""A type that signs what proves it is us, as Apple wants it and as private_key_jwt does, at an upstream that checks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from time import time
from typing import Any, ClassVar

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt import InvalidTokenError, decode, encode
from starlette.responses import Response

from broker import upstream as sdk
from broker.demo.call import Call
from broker.demo.people import ADA
from broker.demo.servers import serving, take_port
from broker.demo.upstreams import Options, RegisteredApp
from broker.demo.upstreams.answers import json_answer
from broker.demo.upstreams.base import Handler
from broker.demo.upstreams.oidc import ISSUER
from broker.demo.upstreams.oidc import Oidc as EmulatedOidc
from broker.testing.bench import Notes
from broker.upstream.exchange import tls_context
from broker.upstream.http import HttpPool
from broker.upstream.lend import lend
from providers.oidc import Oidc
from tests.providers.test_emulated import World, begun_now

pytestmark = pytest.mark.anyio

KEY, OTHER = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
_ASSERTION = {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}


class SignsSecret(Oidc):
    """The client secret is a token that we sign for five minutes (Sign in with Apple)."""

    key: ClassVar = KEY

    def signed(self) -> str:
        now, us = int(self.tools.now()), self.settings.client_id
        claims = {"iss": us, "sub": us, "aud": self.settings.issuer, "iat": now, "exp": now + 300}
        return encode(claims, self.key, algorithm="ES256")

    async def credentials(self, metadata: sdk.Metadata) -> sdk.Credentials:
        return sdk.Credentials({"client_id": self.settings.client_id, "client_secret": self.signed()})


class SignsAssertion(SignsSecret):
    """`private_key_jwt` (RFC 7523 section 2.2)."""

    async def credentials(self, metadata: sdk.Metadata) -> sdk.Credentials:
        form = _ASSERTION | {"client_assertion": self.signed()}
        return sdk.Credentials({"client_id": self.settings.client_id} | form)


class AnothersKey(SignsSecret):
    """Signs with a key that the upstream does not know."""

    key = OTHER


class Checks(EmulatedOidc):
    """Takes no secret but a fresh one signed with the app's key, and counts them."""

    seen: ClassVar[list[str]] = []

    def routes(self) -> Sequence[tuple[str, tuple[str, ...], Handler]]:
        return [(path, ways, self.checked(run) if path == "/token" else run) for path, ways, run in super().routes()]

    def checked(self, run: Handler) -> Handler:
        async def check(call: Call) -> Response:
            proof = call.form.get("client_secret") or call.form.get("client_assertion", "")
            try:
                claims = decode(proof, KEY.public_key(), algorithms=["ES256"], audience=self.issuer)
            except InvalidTokenError:
                return json_answer({"error": "invalid_client"}, 401)
            self.seen.append(str(claims["sub"]))
            form = {name: value for name, value in call.form.items() if not name.startswith("client_assertion")}
            secret = self.apps[claims["sub"]].client_secret
            return await run(replace(call, form={**form, "client_id": claims["sub"], "client_secret": secret}))

        return check


@asynccontextmanager
async def world(kind: type[Oidc]) -> AsyncIterator[World]:
    port = take_port("oidc", "127.0.0.1")
    base = f"http://127.0.0.1:{port.number}"
    told = {"issuer": ISSUER, "client_id": "c", "client_secret": "never sent", "use_refresh_token": True}
    settings: Any = kind.Settings.model_validate({"type": "x", **told, "browser_base": base, "server_base": base})
    emulator = Checks([RegisteredApp("c", "kept there", (begun_now().redirect_uri,))], Options(clock=time))
    pool, notes = await HttpPool.open(), Notes()
    Checks.seen.clear()
    async with serving([(port, emulator.app)]), httpx2.AsyncClient(verify=tls_context(None)) as browser:
        try:
            yield World(emulator, lambda: kind(settings, lend(pool, "x", settings, recorder=notes)), browser)
        finally:
            await pool.close()
    assert "never sent" not in f"{notes.events}"


@pytest.mark.parametrize("kind", [SignsSecret, SignsAssertion])
async def test_a_type_may_sign_what_proves_that_it_is_us_with_every_token_request(kind: type[Oidc]) -> None:
    async with world(kind) as at:
        identity = await at.log_in(ADA, begun_now())
        assert identity.subject == ADA.ids["oidc"]
        assert isinstance(at.provider, sdk.HasAbilities)
        refreshes = at.provider.abilities().refreshes
        assert refreshes is not None
        with pytest.raises(sdk.UpstreamDenied):
            await refreshes.refresh(identity.subject, replace(identity.session, refresh_token="of nobody"))
    assert Checks.seen == ["c", "c"]


async def test_a_proof_of_another_key_is_refused_by_the_upstream() -> None:
    async with world(AnothersKey) as at:
        with pytest.raises(sdk.UpstreamRejected) as caught:
            await at.log_in(ADA, begun_now())
    assert caught.value.error == "invalid_client"
    assert Checks.seen == []


def test_credentials_show_no_secret() -> None:
    shown = repr(sdk.Credentials({"client_secret": "canary"}, basic=("c", "canary")))
    assert "canary" not in shown
