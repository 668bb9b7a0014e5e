"""A changed configuration in a running broker, over sockets: taken over as a whole, or not at all (ADR 74)."""

from __future__ import annotations

import asyncio
import copy
import json
import os
import re
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

import pytest

from broker.cli.control import ask_server
from broker.core.terms import GrantType
from broker.demo.visitor import Page, Visitor
from tests.threats.journeys import (
    authorize_url,
    code_for,
    http,
    new_visitor,
    own_token,
    post_as,
    redeem,
    request_for,
    tokens_for,
    walk,
)
from tests.threats.site import Site, running_site
from tests.threats.tours import broker_command

pytestmark = pytest.mark.anyio
Config = dict[str, Any]
ROUNDS: Final = int(os.environ.get("SOAK_RELOADS", "200"))


def add_robot(config: Config) -> None:
    """A client that asks for itself."""
    robot = {"name": "Robot", "secret": "a-secret-of-the-robot-and-nobody-else", "auth_method": "client_secret_basic"}
    config["clients"]["robot"] = {**robot, "grants": ["client_credentials"], "service_scopes": ["api"]}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Its configuration is changed by every test, and put back."""
    with running_site(tmp_path_factory.mktemp("reload"), add_robot) as site:
        yield site


@pytest.fixture
def site(running: Site) -> Iterator[Site]:
    """As it was started, before and after."""
    before = copy.deepcopy(running.config)
    yield running
    running.config = before
    assert reload_now(running)["problems"] == []
    running.clear()


def write(site: Site, text: str = "") -> None:
    """The file as an operator leaves it: in place as a whole."""
    path = site.folder / "config.yaml"
    aside = path.with_suffix(".new")
    aside.write_text(text or json.dumps(site.config))
    aside.chmod(0o600)
    aside.replace(path)


def reload_now(site: Site, text: str = "") -> dict[str, Any]:
    """What the running broker says to `broker reload` over this file."""
    write(site, text)
    answer = ask_server(str(site.database), {"do": "reload"})
    assert answer is not None
    told: dict[str, Any] = answer.value
    return told


async def reload(site: Site, text: str = "") -> list[str]:
    """The problems, after a reload over the site's configuration or this text."""
    problems: list[str] = (await asyncio.to_thread(reload_now, site, text))["problems"]
    return problems


async def leave(site: Site, visitor: Visitor, client_id: str = "app", **changes: str) -> Page:
    """As far as the upstream's page; everything else is yet to come."""
    page = await visitor.get(authorize_url(site, client_id, idp_hint="google", **changes))
    assert page.has("person-ada"), page.title
    return page


def arrived(page: Page) -> bool:
    """Whether an app got its code."""
    return page.status == 0 and "code" in page.params


async def logged(site: Site, event: str, **fields: str) -> tuple[int, dict[str, Any]]:
    """Place and content of the newest event with these fields, once it is there: lines are written a little later."""
    async with asyncio.timeout(60):
        while True:
            for place, one in reversed(list(enumerate(site.log()))):
                if one["event"] == event and fields.items() <= one.items():
                    return place, one
            await asyncio.sleep(0.02)


async def gauge(site: Site, name: str) -> str:
    """Of the metrics; "" where there is none."""
    async with http(site) as client:
        found = re.search(rf"^{re.escape(name)} (.+)$", (await client.get(f"{site.management}/metrics")).text, re.M)
    return found[1] if found else ""


async def test_a_login_under_way_comes_back_to_the_settings_it_left_by(site: Site) -> None:
    async with new_visitor() as visitor, new_visitor() as later:
        page = await leave(site, visitor)
        site.config["providers"]["google"]["client_secret"] = "another-secret-that-google-does-not-know"
        assert await reload(site) == []
        back = await walk(page, visitor)
        assert arrived(back), back.title
        # Whoever leaves now leaves by the new settings, which this Google refuses.
        assert not arrived(await walk(await leave(site, later), later))


CHANGES: Final[dict[str, Callable[[Config], object]]] = {
    "a provider that is disabled": lambda config: config["providers"]["google"].update(enabled=False),
    "a provider that is gone": lambda config: (
        config["providers"].pop("google"),
        [
            one.update(providers=["yandex"])
            for one in config["clients"].values()
            if "google" in one.get("providers", ())
        ],
    ),
    "a client that is gone": lambda config: config["clients"].pop("shop"),
    "a redirect URI that is gone": lambda config: config["clients"]["shop"].update(
        redirect_uris=["https://shop.example.com/else"]
    ),
    "a client without this provider": lambda config: config["clients"]["shop"].update(providers=["yandex"]),
}


@pytest.mark.parametrize("what", CHANGES)
async def test_b9_f9_what_was_taken_away_meanwhile_is_refused_to_logins_under_way(site: Site, what: str) -> None:
    async with new_visitor() as visitor:
        page = await leave(site, visitor, "shop", scope="openid")
        CHANGES[what](site.config)
        assert await reload(site) == []
        back = await walk(page, visitor)
        assert not arrived(back), back.title
        assert back.status in {0, 400, 403, 404}, back.title


async def test_a_service_that_took_a_name_over_meanwhile_gets_nobody_who_set_out_to_the_other(site: Site) -> None:
    fresh = {**site.config["providers"]["google-two"], "client_id": "g-three"}
    site.config["providers"]["new-one"] = fresh
    assert await reload(site) == []
    async with new_visitor() as visitor:
        page = await visitor.get(authorize_url(site, idp_hint="new-one"))
        site.config["providers"]["new-one"] = {**fresh, "client_id": "g-four"}
        assert await reload(site) == []
        state = re.search(r"[?&]state=([^&]+)", page.url)
        assert state is not None
        back = await visitor.get(f"{site.issuer}/callback/new-one?state={state[1]}&code=x")
        assert (back.status, "E-LATE" in back.text or "E-GONE" in back.text) != (0, True), back.text


BAD: Final[dict[str, tuple[Callable[[Config], object], str]]] = {
    "an unknown key": (lambda config: config.update(colour="red"), "colour: unknown key"),
    "no provider left": (lambda config: config.update(providers={}), "providers: should not be empty"),
    "another issuer": (lambda config: config.update(issuer="https://id.example.com"), "issuer: needs a restart"),
    "another listener": (
        lambda config: config["server"].update(listen="127.0.0.1:1"),
        "server.listen: needs a restart; nothing was changed",
    ),
    "another master key": (
        lambda config: config["keys"].update(master=[b64encode(os.urandom(32)).decode()]),
        "keys.master: needs a restart",
    ),
    "another upstream for the same people": (
        lambda config: config["providers"]["google"].update(client_id="g-other"),
        "people are linked through google:g-one, and the settings now say google:g-other. Set providers.google.",
    ),
    "other subjects for the same people": (
        lambda config: config["clients"]["shop"].update(subject_type="pairwise"),
        "clients.shop.subject_type: its people would be somebody new there",
    ),
}


@pytest.mark.parametrize("what", BAD)
async def test_j7_a_file_that_is_refused_changes_nothing_and_says_why(site: Site, what: str) -> None:
    await tokens_for(site)
    change, why = BAD[what]
    site.config["clients"]["shop"]["name"] = "Another shop"  # what else is in the file does not count either
    site.config["providers"]["fresh"] = {**site.config["providers"]["google-two"], "client_id": "g-fresh"}
    before = site.rows("namespaces"), await gauge(site, "broker_config_last_reload_successful")
    change(site.config)
    (problem,) = await reload(site)
    assert why in problem
    assert (site.rows("namespaces"), "1.0") == before
    assert await gauge(site, "broker_config_last_reload_successful") == "0.0"
    _, failed = await logged(site, "config.reload_failed", reason=problem)
    assert (failed["audit"], failed["level"]) == (True, "error")
    async with new_visitor() as visitor:
        page = await visitor.get(authorize_url(site, "shop", scope="openid"))
        assert ("Another shop" in page.text, page.status) == (False, 200)
    await tokens_for(site, "shop", scope="openid")


async def test_what_is_no_yaml_is_refused_too(site: Site) -> None:
    (problem,) = await reload(site, "issuer: [")
    assert "is not YAML" in problem
    await tokens_for(site)


async def test_routes_origins_level_and_names_are_those_of_the_file_that_is_in_force(site: Site) -> None:
    async with http(site) as client:
        assert (await client.post("/challenge")).status_code == 404
        site.config["clients"]["spa"]["origins"] = ["https://other.example.com"]
        grants = ["client_credentials", str(GrantType.TOKEN_EXCHANGE)]
        posting = {"accept_posted": ["telegram"], "first_party": True, "grants": grants}
        site.config["clients"]["fresh"] = {**site.config["clients"]["robot"], **posting}
        site.config["logging"] = {**site.config.get("logging", {}), "level": "warning"}
        told = await asyncio.to_thread(reload_now, site)
        assert told["problems"] == []
        revision = told["revision"]
        assert (await client.post("/challenge")).status_code == 415
        keys = await client.get("/jwks", headers={"Origin": "https://other.example.com"})
        assert keys.headers["access-control-allow-origin"] == "https://other.example.com"
        assert await own_token(site, client, "fresh")
    place, _ = await logged(site, "config.reloaded", revision=revision)
    await logged(site, "token.issued_to_client", client_id="fresh")
    assert {one["level"] for one in site.log()[place + 1 :] if not one.get("audit")} <= {"warning", "error"}
    assert await gauge(site, 'broker_client_tokens_issued_total{client="fresh"}') == "1.0"
    assert await gauge(site, f'broker_config_info{{revision="{revision}"}}') == "1.0"
    del site.config["clients"]["fresh"]
    assert await reload(site) == []
    assert await gauge(site, 'broker_client_tokens_issued_total{client="fresh"}') == ""
    assert await gauge(site, f'broker_config_info{{revision="{revision}"}}') == ""


async def test_b9_what_an_operator_switched_off_stays_off(site: Site) -> None:
    await broker_command(site, "provider", "off", "google", "--why", "leaked")
    try:
        site.config["providers"]["google"]["client_secret"] = "the-next-secret-of-this-provider"
        assert await reload(site) == []
        async with new_visitor() as visitor:
            assert "person-ada" not in (await visitor.get(authorize_url(site, idp_hint="google"))).text
    finally:
        await broker_command(site, "provider", "on", "google", "--why", "rotated")
    await logged(site, "switch.seen", provider="google", switched="on")
    assert [one["event"] for one in site.log()].count("switch.seen") == 2


async def operate(site: Site, use_case: str, **values: object) -> dict[str, Any]:
    """What the running broker says to an operator."""
    question = {"do": "operate", "use_case": use_case, "values": values}
    answer = await asyncio.to_thread(ask_server, str(site.database), question)
    assert answer is not None
    told: dict[str, Any] = answer.value
    return told


async def test_apps_that_are_kept_in_the_database_are_judged_by_the_file_that_is_in_force(site: Site) -> None:
    settings = {"name": "Kept", "grants": ["client_credentials"], "service_scopes": ["api"], "providers": ["vk"]}
    made = await operate(site, "client.create", client_id="kept", settings=settings, why="a new app")
    try:
        assert await reload(site) == []
        async with http(site) as client:
            auth = ("kept", made["client_secret"])
            form = {"grant_type": "client_credentials"}
            assert (await client.post("/token", data=form, auth=auth)).status_code == 200
            vk = site.config["providers"].pop("vk")
            assert await reload(site) == []
            assert (await client.post("/token", data=form, auth=auth)).status_code == 401, "it names what is gone"
            site.config["providers"]["vk"] = vk
            assert await reload(site) == []
            assert (await client.post("/token", data=form, auth=auth)).status_code == 200
    finally:
        await operate(site, "client.delete", client_id="kept", why="the test is over")


async def test_l10_the_admin_api_comes_and_goes_with_the_file(site: Site) -> None:
    async with http(site) as client:
        for on, status in ((True, 401), (False, 404)):
            site.config["server"]["admin_api"] = on
            assert await reload(site) == []
            answer = await client.get(f"{site.management}/admin/v1/provider/list")
            assert answer.status_code == status, answer.text


async def test_k12_what_was_counted_counts_on(site: Site) -> None:
    site.config["limits"] = {**site.config["limits"], "client_auth_failure": "3/h"}
    assert await reload(site) == []
    async with http(site) as client:
        statuses = []
        for _ in range(6):
            answer = await client.post("/token", data={"grant_type": "client_credentials"}, auth=("app", "wrong"))
            statuses.append(answer.status_code)
            assert await reload(site) == []
    assert statuses[-1] == 429, statuses


async def everything(site: Site, one: asyncio.Event) -> tuple[int, list[str]]:
    """What apps and people do, over and over until `one` is set: how often, and whatever failed."""
    done, failed = 0, list[str]()
    async with http(site) as client:
        while not one.is_set():
            for answer in (
                await client.get("/.well-known/openid-configuration"),
                await client.get("/authorize", params=request_for(site, "spa")),
                await post_as(site, client, "robot", "/token", grant_type="client_credentials"),
            ):
                done += 1
                failed += [f"{answer.request.url} {answer.status_code}"] if answer.status_code >= 400 else []
            code = await code_for(site)
            answer = await redeem(site, client, code)
            done += 1
            failed += [] if answer.status_code == 200 else [f"code {answer.status_code} {answer.text}"]
    return done, failed


async def under_load(site: Site, rounds: int, between: Callable[[int], Awaitable[object]]) -> None:
    """So many reloads of good and bad files, while apps and people go on."""
    stop = asyncio.Event()
    work = [asyncio.create_task(everything(site, stop)) for _ in range(4)]
    good = copy.deepcopy(site.config)
    try:
        for number in range(rounds):
            site.config = copy.deepcopy(good)
            site.config["clients"][f"round-{number}"] = {**good["clients"]["robot"], "secret": os.urandom(20).hex()}
            site.config["providers"]["vk"]["client_id"] = str(51000100 + number)
            site.config["providers"]["google"]["timeout"] = 5 + number % 3
            assert await reload(site) == []
            site.config["issuer"] = "https://elsewhere.example.com"
            assert await reload(site)
            await between(number)
    finally:
        stop.set()
        site.config = good
    found = await asyncio.gather(*work)
    assert [failure for _, failed in found for failure in failed] == []
    assert sum(done for done, _ in found) > rounds


async def test_nothing_fails_while_files_good_and_bad_come_and_go(site: Site) -> None:
    await under_load(site, 10, lambda _: asyncio.sleep(0))


@pytest.mark.soak
@pytest.mark.timeout(3600)
async def test_memory_is_flat_over_two_hundred_reloads_under_load(site: Site) -> None:
    seen: list[int] = []

    async def note(number: int) -> None:
        seen.append(site.memory())

    await under_load(site, ROUNDS, note)
    first, last = min(seen[ROUNDS // 4 : ROUNDS // 2]), min(seen[-ROUNDS // 4 :])
    assert last < first * 1.1 + 4 * 1024 * 1024, [size >> 20 for size in seen]
