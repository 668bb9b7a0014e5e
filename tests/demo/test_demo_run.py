"""`broker demo` as a whole: what it starts, what it refuses, and the tour through the sample app."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from broker.config.load import load_text
from broker.config.model import Config
from broker.demo.emulation import ELSEWHERE, PORTS, build_emulators, left_out, registered_apps, turned
from broker.demo.headless import ClientData, log_in
from broker.demo.people import ADA, PEOPLE, Person
from broker.demo.run import Demo, banner, main, running, sample_client, spa_client
from broker.demo.sample_tv import draw
from broker.demo.servers import DemoRefused, PortTaken, check_host, take_port
from broker.demo.visitor import Page, Visitor
from broker.registry import settings_class
from tests.demo.telegram_widget import use_telegram_widget

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]
PROVIDERS = ("google", "vk", "ok", "yandex", "telegram")


ANY_PORT = dict.fromkeys(PORTS, 0)


def moved_config() -> str:
    """The repository's own configuration, on ports nobody else uses."""
    text = (ROOT / "config.yaml").read_text()
    ports = [take_port("test", "127.0.0.1") for _ in range(3)]
    for fixed, port in zip(("8400", "8401", "9400"), ports, strict=True):
        text = text.replace(fixed, str(port.number))
        port.close()
    return text


@pytest.fixture
def config() -> Config:
    return load_text(moved_config(), "config.yaml", settings_class, environ={}, base=ROOT).config


@pytest.fixture
async def demo(config: Config, anyio_backend: str) -> AsyncIterator[Demo]:
    async with running(config, ports=ANY_PORT) as started:
        yield started


def claim(page: Page, name: str) -> str:
    return page.text_of(f"claim-{name}")


async def sign_in(visitor: Visitor, demo: Demo, provider: str, person: Person) -> Page:
    """From the sample app through broker and upstream back to the sample app."""
    await visitor.get(demo.sample)
    await visitor.click(f"login-{provider}")
    page = await visitor.click(f"person-{person.key}")
    return await visitor.click("allow") if page.has("allow") else page


async def test_everybody_signs_in_everywhere_and_the_tokens_can_be_used(demo: Demo) -> None:
    subjects = set()
    for provider in PROVIDERS:
        for person in PEOPLE:
            async with Visitor() as visitor:
                page = await sign_in(visitor, demo, provider, person)
                assert page.url == demo.sample, page.text
                assert claim(page, "name") == " ".join(person.name.split())
                assert claim(page, "iss") == demo.config.issuer
                subjects.add(claim(page, "sub"))
                assert (await visitor.click("refresh")).has("told")
                assert (await visitor.click("userinfo")).text_of("info-sub") == claim(page, "sub")
                assert not (await visitor.click("logout")).has("signed-in")
    assert len(subjects) == len(PROVIDERS) * len(PEOPLE)


async def test_signing_out_of_one_app_ends_the_session_and_the_app_hears_of_it_behind_the_browsers_back(
    demo: Demo,
) -> None:
    async with Visitor() as visitor:
        page = await sign_in(visitor, demo, "google", ADA)
        assert page.has("signed-in")
        asked = await visitor.get(f"{demo.config.issuer}/logout")
        assert asked.has("logout")
        told = await visitor.click("logout")
        assert told.has("logged-out")
        assert "Demo shop has been told" in told.markup.texts["logged-out"].replace("\n", " ").replace("  ", " ")
        assert not (await visitor.get(demo.sample)).has("signed-in")
        page = await visitor.click("login")
        assert page.has("provider-google"), "the broker remembers nobody"


async def test_a_television_shows_a_code_and_then_who_said_yes_on_a_phone(demo: Demo) -> None:
    async with Visitor() as television, Visitor() as phone:
        await television.get(demo.sample)
        await television.click("tv")
        shown = await television.click("start")
        address = f"{demo.config.issuer}/device?user_code={shown.text_of('user-code')}"
        assert shown.markup.links["address"] == address
        assert draw(address) in shown.text
        assert (shown.markup.refresh, shown.markup.scripts) == (f"{demo.sample}tv", [])
        await phone.get(address)
        await phone.click("continue")
        await phone.click("provider-google")
        await phone.click("person-ada")
        assert (await phone.click("allow")).status == 200
        assert (await television.get(shown.markup.refresh)).text_of("name") == ADA.name


@pytest.mark.parametrize(("answer", "error"), [("deny", "access_denied"), ("", "")])
async def test_a_television_shows_nobody_without_a_yes(demo: Demo, answer: str, error: str) -> None:
    async with Visitor() as television, Visitor() as phone:
        await television.get(f"{demo.sample}tv")
        shown = await television.click("start")
        await phone.get(shown.markup.links["address"])
        await phone.click("continue")
        await phone.click("provider-google")
        await phone.click("person-ada")
        if answer:
            await phone.click(answer)
        page = await television.get(shown.markup.refresh)
        assert (page.has("signed-in"), page.has("user-code")) == (False, not answer)
        assert (page.text_of("error") if answer else "") == error


@pytest.mark.parametrize("sent", ["", "a.b.c", "text"])
async def test_the_sample_app_believes_no_logout_token_it_cannot_verify(demo: Demo, sent: str) -> None:
    async with Visitor() as visitor:
        await sign_in(visitor, demo, "google", ADA)
        assert (await visitor.post(f"{demo.sample}backchannel", {"logout_token": sent})).status == 400
        assert (await visitor.get(demo.sample)).has("signed-in")


async def test_the_widget_signs_in_the_same_person_as_telegram_itself(demo: Demo) -> None:
    async with Visitor() as visitor:
        subject = claim(await sign_in(visitor, demo, "telegram", ADA), "sub")
        await visitor.get(demo.sample)
        page = await visitor.click("login-telegram-widget")
        assert page.has("widget")
        page = await use_telegram_widget(visitor, ADA)
        assert claim(page, "sub") == subject
        with pytest.raises(LookupError):
            await use_telegram_widget(visitor, ADA)


async def test_a_refusal_is_told_in_words(demo: Demo) -> None:
    async with Visitor() as visitor:
        await visitor.get(demo.sample)
        await visitor.click("login-google")
        page = await visitor.click("cancel")
        assert not page.has("signed-in")


async def test_an_answer_of_another_issuer_is_refused_by_the_sample_app(demo: Demo) -> None:
    async with Visitor() as visitor:
        for query in ("code=c&state=s", "code=c&state=s&iss=http://evil.example"):
            page = await visitor.get(f"{demo.sample}callback?{query}")
            assert (page.status, page.text_of("error")) == (400, "wrong_issuer")
        page = await visitor.get(f"{demo.sample}callback?code=c&state=s&iss={demo.config.issuer}")
        assert (page.status, page.has("signed-in")) == (400, False)


async def test_what_a_stranger_puts_into_an_error_is_shown_as_text(demo: Demo) -> None:
    async with Visitor() as visitor:
        query = f"error=x&error_description=<script>alert(1)</script>&iss={demo.config.issuer}"
        page = await visitor.get(f"{demo.sample}callback?{query}")
        assert page.text_of("description") == "<script>alert(1)</script>"
        assert "<script>alert" not in page.text


async def test_the_sample_app_remembers_its_language(demo: Demo) -> None:
    async with Visitor(languages="en") as visitor:
        assert (await visitor.get(demo.sample)).markup.language == "en"
        assert (await visitor.click("language")).markup.language == "ru"
        assert (await visitor.get(demo.sample)).markup.language == "ru"


async def test_buttons_without_a_login_lead_home(demo: Demo) -> None:
    async with Visitor() as visitor:
        for path in ("refresh", "userinfo", "logout"):
            assert (await visitor.post(demo.sample + path, {})).has("login")


@pytest.mark.parametrize(
    "uri", ["http://localhost:3000/api/auth/callback/id", "http://127.0.0.1:5000/x", "http://[::1]/"]
)
async def test_an_app_of_ones_own_signs_in_with_the_three_values_of_the_banner(demo: Demo, uri: str) -> None:
    client_id, secret = demo.yours
    assert all(value in banner(demo) for value in (demo.config.issuer, client_id, secret))
    login = await log_in(
        demo.config.issuer,
        ClientData(client_id, secret, uri, "client_secret_basic"),
        provider="google",
        person="ada",
    )
    assert login.claims["name"] == ADA.name


async def test_every_address_of_the_demo_is_one_that_any_resolver_knows(demo: Demo) -> None:
    port = urlsplit(demo.config.issuer).port
    for address in ("127.0.0.1", "::1"):
        socket.create_connection((address, port or 0), 10).close()
    for url in (demo.config.issuer, demo.sample, *demo.upstreams.values()):
        assert urlsplit(url).hostname in {"localhost", "127.0.0.1"}
    hosts = {urlsplit(url).hostname for url in (demo.sample, *demo.upstreams.values())}
    assert hosts.isdisjoint({urlsplit(demo.config.issuer).hostname}), (
        "app and upstreams are other sites than the broker"
    )


async def test_two_tabs_both_end_in_the_app_and_so_does_the_back_button(demo: Demo) -> None:
    async with Visitor() as visitor:
        first = await visitor.get(f"{demo.sample}login")
        await visitor.get(f"{demo.sample}login")  # the second tab, whose state the app keeps
        await visitor.click("provider-vk")
        await visitor.click("person-ada")
        page = await visitor.click("allow")
        assert page.has("signed-in")
        answer = next(step.url for step in reversed(visitor.history) if "/callback?code=" in step.url)
        assert (await visitor.get(answer)).url == demo.sample, "the back button"
        assert visitor.page.has("signed-in")
        page = await visitor.get(first.markup.links["provider-vk"], initiator=first.url)
        assert (page.url, page.has("signed-in")) == (demo.sample, True)


async def test_a_tab_whose_login_was_overtaken_begins_again_and_ends_in_the_app(demo: Demo) -> None:
    async with Visitor() as visitor:
        first = await visitor.get(f"{demo.sample}login")
        await visitor.get(f"{demo.sample}login")
        await visitor.get(first.markup.links["provider-google"], initiator=first.url)
        page = await visitor.click("person-ada")
        page = await visitor.click("allow") if page.has("allow") else page
        assert (page.url, page.has("signed-in")) == (demo.sample, True)


async def test_a_taken_port_is_named_and_every_other_is_given_back(config: Config) -> None:
    port = take_port("somebody", "127.0.0.1")
    ports = {**ANY_PORT, "yandex": port.number}
    try:
        with pytest.raises(PortTaken, match=f"yandex needs port {port.number}"):
            async with running(config, ports=ports):
                pass
    finally:
        port.close()
    async with running(config, ports=ports) as demo:
        assert demo.upstreams["yandex"] == f"http://127.0.0.1:{ports['yandex']}"


async def test_the_banner_names_every_address(demo: Demo) -> None:
    text = banner(demo)
    for url in (demo.sample, demo.config.issuer, *demo.upstreams.values(), f"http://{demo.management}/readyz"):
        assert url in text
    assert "Ctrl-C forgets everything" in text


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.4", "::"])
def test_an_address_that_others_reach_needs_a_word(host: str) -> None:
    with pytest.raises(DemoRefused, match="--i-know"):
        check_host(host, i_know=False)
    check_host(host, i_know=True)


def test_a_host_name_is_no_address() -> None:
    with pytest.raises(DemoRefused, match="address"):
        check_host("example.com", i_know=True)


def test_loopback_addresses_are_fine() -> None:
    check_host("127.0.0.1", i_know=False)


def test_refusals_are_told_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(ROOT / "config.yaml", host="0.0.0.0") == 1
    assert "--i-know" in capsys.readouterr().err
    assert main(ROOT / "no-such-file.yaml") == 1
    assert "no-such-file.yaml" in capsys.readouterr().err


def test_nothing_outlives_the_process_and_only_base_urls_change(config: Config) -> None:
    emulators = build_emulators(config)
    changed = turned(config, {}, emulators)
    assert changed.storage.sqlite.path == ":memory:"
    assert changed.network.upstreams == "emulated"
    assert not any(settings.enabled for settings in changed.providers.values())


def test_each_emulator_knows_the_configured_app_and_one_of_somebody_else(config: Config) -> None:
    for kind, emulator in build_emulators(config).items():
        ours, other = emulator.apps.values()
        assert f"{config.issuer}/callback/{kind}" in ours.redirect_uris
        assert other.redirect_uris == (ELSEWHERE,)
        assert ours.client_id != other.client_id


def test_two_providers_of_one_app_are_one_registration(config: Config) -> None:
    both = [(name, config.providers[name]) for name in ("telegram", "telegram-widget")]
    [app] = registered_apps(config.issuer, both)
    own = [uri for uri in app.redirect_uris if uri.startswith(config.issuer)]
    assert own == [f"{config.issuer}/callback/{name}" for name, _ in both]
    assert len(app.redirect_uris) == 4, "and where a login that is tried by hand ends"
    assert app.client_secret
    assert app.extras["username"] == "demo_login_bot"
    assert app.extras["domain"] == config.issuer.removeprefix("http://")


def test_a_type_nobody_emulates_is_left_out_and_said(config: Config) -> None:
    strange = config.providers["google"].model_copy(update={"type": "strange"})
    mixed = config.model_copy(update={"providers": {**config.providers, "corp": strange}})
    assert left_out(mixed) == ("corp",)
    assert "strange" not in build_emulators(mixed)


def test_the_sample_app_is_the_client_at_its_address(config: Config) -> None:
    assert sample_client(config) == "demo-app"
    assert spa_client(config, config.clients["demo-app"].redirect_uris[0]) == "demo-spa"
    assert spa_client(config, "http://127.0.0.1:1/callback") == "", "it is beside the sample app or nowhere"
    others = {name: client for name, client in config.clients.items() if name != "demo-app"}
    assert sample_client(config.model_copy(update={"clients": others})) is None


def test_the_demo_is_ready_soon_and_forgets_at_ctrl_c(tmp_path: Path) -> None:
    file, empty = tmp_path / "config.yaml", tmp_path / "empty"
    file.write_text(moved_config())
    empty.mkdir()
    code = f"import sys; from broker.demo.run import main; sys.exit(main({str(file)!r}, ports={ANY_PORT!r}))"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=empty, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert process.stdout is not None
    with process.stdout as lines:
        for line in lines:
            if line.strip().startswith(b"Open"):
                sample = urlsplit(line.split()[1].decode())
            if b"Ctrl-C forgets everything" in line:
                break
        with contextlib.closing(socket.create_connection((sample.hostname or "", sample.port or 0), 20)) as app:
            app.sendall(b"GET /login HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")  # which asks for discovery
            assert b"302" in app.recv(4096)
        process.send_signal(signal.SIGINT)
        rest = lines.read()
        assert b"everything is forgotten" in rest
        assert b"httpx2" not in rest, "the log holds the broker's events alone"
    assert process.wait(timeout=20) == 0
    assert list(empty.iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.yaml", "empty"]
