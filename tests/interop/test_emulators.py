"""The emulated services as somebody else's client meets them: a client that works at the real ones works here."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from broker.demo.people import ADA
from broker.demo.servers import serving, take_port
from broker.demo.upstreams import EMULATORS, RegisteredApp

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
WHAT = ("authorize", "token", "profile")
# Type here: allauth's name, client id, and where it authorizes, redeems and asks.
SERVICES: Mapping[str, tuple[str, str, tuple[str, str, str]]] = {
    "google": ("google", "g-1", ("/o/oauth2/v2/auth", "/token", "/v1/userinfo")),
    "vk": ("vk", "7654321", ("/authorize", "/oauth2/auth", "/oauth2/user_info")),
    "ok": ("odnoklassniki", "512000", ("/oauth/authorize", "/oauth/token.do", "/fb.do")),
    "yandex": ("yandex", "y-1", ("/authorize", "/token", "/info")),
    "github": ("github", "Iv1.1", ("/login/oauth/authorize", "/login/oauth/access_token", "/user")),
}


async def test_allauth_signs_a_person_in_at_every_emulated_service() -> None:
    given, listening = {}, []
    async with AsyncExitStack() as stack:
        for kind, (name, client_id, paths) in SERVICES.items():
            port = take_port(kind, "127.0.0.1")
            stack.callback(port.close)
            secret = "" if kind == "vk" else "secret-of-the-app"
            callback = f"http://testserver/accounts/{name}/login/callback/"
            app = RegisteredApp(client_id, secret, (callback,), {"public_key": "CKEY"})
            listening.append((port, EMULATORS[kind]([app]).app))
            where = {what: f"http://127.0.0.1:{port.number}{path}" for what, path in zip(WHAT, paths, strict=True)}
            given[name] = {"client_id": client_id, "secret": secret, "key": "CKEY", **where}
        await stack.enter_async_context(serving(listening))
        script = (sys.executable, "-W", "error::SyntaxWarning", "-m", "tests.interop.django_upstreams")
        pipe = asyncio.subprocess.PIPE
        site = await asyncio.create_subprocess_exec(*script, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe)
        async with asyncio.timeout(120):  # against hanging
            said, problems = await site.communicate(json.dumps(given).encode() + b"\n")
    assert site.returncode == 0, problems.decode()
    assert json.loads(said) == {name: EMULATORS[kind]([]).subject(ADA) for kind, (name, _, _) in SERVICES.items()}
