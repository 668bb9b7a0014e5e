"""The emulated services as somebody else's client meets them: a client that works at the real ones works here."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest

from broker.demo.markup import parse_markup
from broker.demo.people import ADA
from broker.demo.upstreams import EMULATORS
from tests.interop.django_upstreams import ALLAUTH, CALLBACKS, SOCIAL
from tests.interop.node import node_app
from tests.interop.upstream_hosts import APPS, emulated, turned
from tests.threats.site import background_loop

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
STRATEGIES = ("google", "vk", "ok", "yandex", "github", "facebook", "x", "apple", "discord", "gitlab", "spotify")
APP = "https://app.example/callback"
KNOWN = {
    kind: {"id": app.client_id, "secret": app.client_secret, "extras": dict(app.extras)} for kind, app in APPS.items()
}


def known_as(kind: str) -> str:
    """Ada's id at a service."""
    return EMULATORS[kind]([]).subject(ADA)


async def test_allauth_and_python_social_auth_sign_a_person_in_at_every_emulated_service() -> None:
    async with emulated(CALLBACKS) as hosts:
        script = (sys.executable, "-W", "error::SyntaxWarning", "-m", "tests.interop.django_upstreams")
        pipe = asyncio.subprocess.PIPE
        site = await asyncio.create_subprocess_exec(*script, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe)
        async with asyncio.timeout(120):  # against hanging
            said, problems = await site.communicate(json.dumps({"hosts": hosts, "apps": KNOWN}).encode() + b"\n")
    assert site.returncode == 0, problems.decode()
    assert json.loads(said) == {
        **{f"allauth {name}": known_as(kind) for name, kind in ALLAUTH.items()},
        **{f"social {name}": known_as(kind) for name, (_, kind) in SOCIAL.items()},
        "allauth microsoft": known_as("microsoft").partition(".")[0],  # Graph knows the account, not its tenant
        "social microsoft-graph": known_as("microsoft").partition(".")[0],
        "allauth slack": "_".join(reversed(known_as("slack").split("."))),  # the workspace first
    }


@pytest.mark.interop
def test_passports_strategies_sign_a_person_in_at_every_emulated_service() -> None:
    with background_loop() as loop:  # the tests in a browser have left one running in this thread
        found = asyncio.run_coroutine_threadsafe(by_passport(), loop).result(120)
    assert {kind: one.get("id", one) for kind, one in found.items()} == {kind: known_as(kind) for kind in STRATEGIES}
    addresses = {kind: found[kind].get("email") for kind in STRATEGIES if kind != "ok"}
    assert addresses == {kind: ADA.email_at(kind) for kind in addresses}


async def by_passport() -> dict[str, Any]:
    """What the app learnt of Ada at each service."""
    found = {}
    async with emulated((kind, f"{APP}/{kind}") for kind in STRATEGIES) as hosts:
        with node_app("passport_app.mjs", {"hosts": hosts, "apps": KNOWN, "callback": APP}) as port:
            for kind in STRATEGIES:
                found[kind] = await signed_in(kind, {**hosts, "app.example": port})
    return found


async def signed_in(kind: str, ports: dict[str, int]) -> Any:
    """What the app learnt of Ada."""
    async with httpx2.AsyncClient() as browser:
        away = await browser.get(turned(f"https://app.example/login/{kind}", ports))
        assert away.status_code == 302, away.text
        back = await browser.get(f"{turned(away.headers['location'], ports)}&_person=ada")
        if back.status_code == 200 and 'id="answer"' in back.text:
            form = parse_markup(str(back.url), back.text).forms[0]
            return (await browser.post(turned(form.action, ports), data=form.fields)).json()
        assert back.status_code == 302, back.text
        return (await browser.get(turned(back.headers["location"].partition("#")[0], ports))).json()
