"""docs/how-to/move-from-allauth.md and bring-people-along.md: people of sites that the real projects made, moved."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shlex
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import jwt
import orjson
import pytest

from broker.cli.import_files import open_site
from broker.core.arrivals.dex import build_dex_sub
from broker.core.arrivals.django import read_allauth, read_social_auth
from broker.core.arrivals.kinds import ALLAUTH, ALLAUTH_APART, OTHERS_APART, SOCIAL_AUTH
from broker.core.arrivals.newcomer import Newcomer, Source
from broker.core.arrivals.plan import Names, Ours, make_plan
from broker.demo.people import ZOE
from broker.demo.upstreams import EMULATORS
from tests.interop import django_upstreams
from tests.interop.test_emulators import KNOWN, known_as
from tests.interop.upstream_hosts import emulated
from tests.threats.journeys import new_visitor, tokens_for
from tests.threats.site import Site, running_site
from tests.threats.tours import broker_command

pytestmark = pytest.mark.anyio
ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs/how-to/move-from-allauth.md").read_text(encoding="utf-8")
COMMANDS: Final = [shlex.split(line)[1:] for line in re.findall(r"^broker .+$", PAGE, re.MULTILINE)]
SNIPPET: Final = re.findall(r"```python\n(.+?)```", PAGE, re.DOTALL)[0]
WAYS: Final = ("google", "vk", "yandex", "telegram")
SHOP: Final = {
    "name": "Shop",
    "redirect_uris": ["http://127.0.0.1/accounts/oidc/example-id/login/callback/"],
    "secret": "of-the-shop-with-at-least-32-characters",
    "auth_method": "client_secret_basic",
    "scopes": ["openid", "profile", "email"],
    "first_party": True,
}
GOOGLE: Final = {"email": "ada@example.com", "email_verified": True, "given_name": "Ada"}
SITE_PEOPLE: Final[list[dict[str, Any]]] = [
    {
        **{"username": "ada", "is_active": True},
        "ways": [["google", known_as("google"), GOOGLE], ["telegram", known_as("telegram"), {}]],
    },
    {"username": "zoe", "is_active": False, "ways": [["vk", EMULATORS["vk"]([]).subject(ZOE), {}]]},
    {"username": "ms", "is_active": True, "ways": [["microsoft", "a1b2", {}]]},
    {"username": "nobody", "is_active": True, "ways": []},
]


def few_providers(config: dict[str, Any]) -> None:
    """One of each type, so that no name is unclear, and the shop's own client."""
    config["providers"] = {name: config["providers"][name] for name in WAYS}
    config["clients"]["shop-web"] = dict(SHOP)


@contextlib.asynccontextmanager
async def script(module: str, told: dict[str, Any]) -> AsyncIterator[asyncio.subprocess.Process]:
    """A Django of its own, with its settings on its first line of input."""
    pipe = asyncio.subprocess.PIPE
    run = (sys.executable, "-W", "error::SyntaxWarning", "-m", module)
    env = {"PATH": "/usr/bin:/bin", "OIDC_SECRET": str(SHOP["secret"])}
    process = await asyncio.create_subprocess_exec(*run, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, env=env)
    assert process.stdin is not None
    process.stdin.write(json.dumps(told).encode() + b"\n")
    await process.stdin.drain()
    try:
        yield process
    finally:
        process.stdin.close()  # ends a site
        said, problems = await asyncio.wait_for(process.communicate(), 120)
        assert process.returncode == 0, problems.decode()
        assert not said


async def make(database: Path, library: str, *, users: str = "auth.User", dump: tuple[str, ...] = ()) -> Any:
    """The database of SITE_PEOPLE; what the script says, which is their ids, or the dump."""
    names = {"vk": "vk-oauth2", "google": "google-oauth2", "microsoft": "microsoft-graph"} if library == "drf" else {}
    people = [
        {**one, "ways": [[names.get(name, name), uid, extra] for name, uid, extra in one["ways"]]}
        for one in SITE_PEOPLE
    ]
    told = {"library": library, "users": users, "database": str(database), "people": people, "dump": list(dump)}
    async with script("tests.interop.moved_site", told) as process:
        assert process.stdout is not None
        return json.loads(await asyncio.wait_for(process.stdout.read(), 120))


async def subs(site: Site, **persons: str) -> dict[str, str]:
    """Whom the emulated services' people are here, by provider."""
    found = {}
    for provider, person in persons.items():
        tokens = await tokens_for(site, person=person, idp_hint=provider)
        found[provider] = jwt.decode(tokens["id_token"], options={"verify_signature": False})["sub"]
    return found


async def broker(site: Site, words: list[str], database: Path) -> str:
    """A command of the page, for this database."""
    return await broker_command(site, *[str(database) if one.startswith(("db.", "people.")) else one for one in words])


async def test_a_shop_moves_from_allauth_as_the_page_says(tmp_path: Path) -> None:
    database = tmp_path / "db.sqlite3"
    known = await make(database, "allauth")
    assert known == {"ada": "1", "zoe": "2", "ms": "3", "nobody": "4"}
    before = database.read_bytes()
    look, dumped, bring = COMMANDS
    with running_site(tmp_path, few_providers) as site:
        report = await broker(site, look, database)
        assert report.strip() == re.findall(r"```text\n(.+?)```", PAGE, re.DOTALL)[0].strip()
        assert site.rows("accounts") == 0
        dump = tmp_path / "people.json"
        dump.write_text(json.dumps(await make(tmp_path / "2", "allauth", dump=("auth.user", "socialaccount"))))
        assert await broker(site, dumped, dump) == report, "a dump says the same"
        assert "brought: 2" in await broker(site, bring, database)
        assert "here already: 2" in await broker(site, bring, database), "the second time nothing changes"
        assert database.read_bytes() == before, "what is theirs is only read"
        assert site.rows("accounts") == 2
        assert await subs(site, google="ada", telegram="ada") == {"google": "1", "telegram": "1"}
        shown = json.loads(await broker_command(site, "account", "show", "2", "--json"))
        assert (shown["blocked"], shown["ways"][0]["subject"]) == (True, EMULATORS["vk"]([]).subject(ZOE))
        audited = [line for line in site.log() if line["event"] == "people.imported"]
        assert [(one["applied"], one["new"], one["same"]) for one in audited] == [
            *[(False, 2, 0)] * 2,
            (True, 2, 0),
            (True, 0, 2),
        ]
        assert audited[-1]["why"] == "the shop signs in through the broker"
        await and_the_shop_knows_them_again(site, database)


async def and_the_shop_knows_them_again(site: Site, database: Path) -> None:
    told = {"issuer": site.issuer, "client_id": "shop-web", "database": str(database), "do": SNIPPET}
    async with script("tests.interop.django_site", told) as process, new_visitor() as visitor:
        assert process.stdout is not None
        shop = f"http://127.0.0.1:{int(await asyncio.wait_for(process.stdout.readline(), 120))}"
        await visitor.get(f"{shop}/accounts/oidc/example-id/login/")
        await visitor.submit("")  # allauth asks whether one really wants to
        await visitor.click("provider-google")
        page = await visitor.click("person-ada")
        assert (page.status, page.url) == (200, f"{shop}/whoami"), page.text
        known = orjson.loads(page.text)
        assert known["username"] == "ada", "the user of before"
        assert {one["uid"] for one in known["accounts"]} == {"1", known_as("google"), known_as("telegram")}


@pytest.mark.parametrize("dump", [(), ("moved.member", "social_django")], ids=["sqlite", "dump"])
async def test_people_of_drf_social_oauth2_keep_their_uuids(tmp_path: Path, dump: tuple[str, ...]) -> None:
    database = tmp_path / "db.sqlite3"
    told = await make(database, "drf", users="moved.Member", dump=dump)
    known = {one["fields"]["username"]: one["pk"] for one in told if "password" in one["fields"]} if dump else told
    if dump:
        database.write_text(json.dumps(told))
    with running_site(tmp_path, few_providers) as site:
        words = ("import", "drf-social-oauth2", "--database", f"sqlite:///{database}", "--why", "x")
        report = json.loads(await broker_command(site, *words, "--apply", "--json"))
        assert (report["new"], report["refused"]) == (2, [])
        assert report["subs"] == {known[name]: known[name] for name in ("ada", "zoe")}
        assert await subs(site, google="ada", telegram="ada") == dict.fromkeys(("google", "telegram"), known["ada"])


async def test_people_keep_their_old_id_as_an_alias(tmp_path: Path) -> None:
    database = tmp_path / "db.sqlite3"
    await make(database, "drf")
    with running_site(tmp_path, few_providers) as site:
        words = ("import", "social-auth", "--database", str(database), "--ids", "alias", "--prefix", "shop-")
        report = json.loads(await broker_command(site, *words, "--apply", "--why", "x", "--json"))
        tokens = await tokens_for(site, idp_hint="google")
        claims = jwt.decode(tokens["id_token"], options={"verify_signature": False})
        assert claims["sub"] == report["subs"]["shop-1"]
        assert (len(claims["sub"]), claims["former_subs"]) == (26, ["shop-1"])


EXPORTS: Final = {"keycloak": ("shop-realm.json", "shop-users-0.json"), "dex": ("dex.json",)}


@pytest.mark.parametrize("system", EXPORTS)
async def test_people_of_an_export_sign_in_as_who_they_were(tmp_path: Path, system: str) -> None:
    files = []
    for name in EXPORTS[system]:
        text = (ROOT / "tests/fixtures/arrivals" / name).read_text(encoding="utf-8")
        files.append(tmp_path / name)
        files[-1].write_text(text.replace("117500000000000000042", known_as("google")))
    ids = {"keycloak": "56f6c53f-5150-4b42-9757-4c3dd4e7d947", "dex": build_dex_sub(known_as("google"), "google")}
    words = ("import", system, *map(str, files), "--apply", "--why", "x", "--json")
    with running_site(tmp_path, few_providers) as site:
        first = json.loads(await broker_command(site, *words))
        again = json.loads(await broker_command(site, *words))
        assert (again["new"], again["same"]) == (0, first["new"])
        assert await subs(site, google="ada") == {"google": ids[system]}


async def test_what_the_libraries_call_people_is_what_our_providers_call_them(tmp_path: Path) -> None:
    """allauth and python-social-auth sign Ada in at every emulated service; whatever leads here is Ada's id here."""
    database = tmp_path / "db.sqlite3"
    async with emulated(django_upstreams.CALLBACKS) as hosts:
        told = {"hosts": hosts, "apps": KNOWN, "database": str(database)}
        async with script("tests.interop.django_upstreams", told) as process:
            assert process.stdout is not None
            await asyncio.wait_for(process.stdout.read(), 120)
    ours = {kind: Ours(kind, str(app["id"])) for kind, app in KNOWN.items()}
    tables = open_site(str(database), ways=("socialaccount_socialaccount", ""), apps=None, users="")
    allauth = led(read_allauth(tables), Names(ALLAUTH, ALLAUTH_APART, {}), ours)
    assert allauth == {name: kind for name, kind in django_upstreams.ALLAUTH.items() if name not in ALLAUTH_APART}
    tables = open_site(str(database), ways=("social_auth_usersocialauth", ""), apps=None, users="")
    social = led(read_social_auth(tables), Names(SOCIAL_AUTH, OTHERS_APART, {}), ours)
    known = {name: kind for name, (_, kind) in django_upstreams.SOCIAL.items()}
    assert social == {name: kind for name, kind in known.items() if name not in OTHERS_APART}


def led(source: Source, names: Names, ours: dict[str, Ours]) -> dict[str, str]:
    """Where each name of theirs leads, once whoever is there is whom that service calls Ada."""
    found = {}
    for one in source.people:
        for way in one.ways:
            alone = Source((Newcomer(one.id, (way,)),), source.kinds, source.apps)
            plan = make_plan(alone, names, ours)
            assert not plan.unclear
            for mapped in (way for person in plan.people for way in person.ways):
                assert mapped.subject == known_as(ours[mapped.provider].kind)
                found[way.provider] = mapped.provider
    return found
