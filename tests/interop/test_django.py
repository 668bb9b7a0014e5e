"""Django, with django-allauth or mozilla-django-oidc as our documentation shows them, signs people in."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, Final

import orjson
import pytest

from broker.demo.visitor import Page, Visitor
from tests.interop.meddler import FORGERIES, MISADDRESSED
from tests.interop.world import PROVIDERS, World, choose, client_id, shown

pytestmark = pytest.mark.interop
ALLAUTH, MOZILLA = "django-allauth", "mozilla-django-oidc"
BEGINNINGS: Final = {ALLAUTH: "/accounts/oidc/example-id/login/", MOZILLA: "/oidc/authenticate/"}
# With allauth an address belongs to one user only; these are the upstreams at which nobody has the same one.
WAYS: Final = [*((ALLAUTH, name) for name in ("google", "ok", "telegram")), *((MOZILLA, name) for name in PROVIDERS)]


@contextlib.contextmanager
def site(issuer: str, client: str, secret: str) -> Iterator[str]:
    """A site of its own, with an empty database."""
    command, env, pipe = [sys.executable, "-m", "tests.interop.django_site"], {**os.environ}, subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, env={**env, "OIDC_SECRET": secret}) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(orjson.dumps({"issuer": issuer, "client_id": client}) + b"\n")
        process.stdin.flush()
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.stdin.close()  # ends the site
        assert process.wait(timeout=10) == 0


@pytest.fixture(scope="module")
def django(world: World) -> Iterator[str]:
    """The address of the site."""
    client = world.broker.client(client_id("RS256", "client_secret_basic"))
    with site(world.issuer, client.client_id, client.client_secret) as url:
        yield url


def sign_in(world: World, django: str, library: str, provider: str, person: str) -> Page:
    """A fresh browser begins at the library's address; where it ends."""

    async def going() -> Page:
        async with Visitor() as visitor:
            page = await visitor.get(django + BEGINNINGS[library])
            if page.url.startswith(django):  # allauth asks whether one really wants to
                await visitor.submit("")
            return await choose(visitor, provider, person)

    return world.run(going())


@pytest.mark.parametrize(("library", "provider"), WAYS)
def test_django_signs_people_in_and_knows_them_again(world: World, django: str, library: str, provider: str) -> None:
    found: list[dict[str, Any]] = []
    for person in ("zoe", "boris", "zoe"):
        page = sign_in(world, django, library, provider, person)
        assert (page.status, page.url) == (200, f"{django}/whoami"), page.text
        found.append(orjson.loads(page.text))
        assert found[-1]["email"] == (shown(person, provider).email or "")
    assert found[0]["username"] == found[2]["username"] != found[1]["username"]
    subject = world.broker.login(provider, "zoe").claims["sub"]
    if library == MOZILLA:
        assert found[0]["username"] == subject
        return
    (account,) = found[0]["accounts"]
    userinfo, id_token = account["extra_data"]["userinfo"], account["extra_data"]["id_token"]
    assert account["uid"] == userinfo["sub"] == id_token["sub"] == subject
    assert (userinfo["name"], id_token["iss"]) == (shown("zoe", provider).name, world.issuer)


@pytest.mark.parametrize("forgery", FORGERIES)
def test_mozilla_django_oidc_refuses_an_id_token_that_the_broker_did_not_sign(
    world: World, django: str, forgery: str
) -> None:
    world.meddler.start(forgery)
    page = sign_in(world, django, MOZILLA, "google", "ada")
    assert world.meddler.forged == 1
    assert page.status == 400


@pytest.mark.parametrize("forgery", MISADDRESSED)
def test_allauth_refuses_an_id_token_of_another_issuer_or_for_another_app(
    world: World, django: str, forgery: str
) -> None:
    world.meddler.start(forgery)
    page = sign_in(world, django, ALLAUTH, "google", "ada")
    assert world.meddler.forged == 1
    assert (page.status, page.title) == (401, "Third-Party Login Failure")
