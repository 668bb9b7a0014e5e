"""`broker provider test`: one login at one provider, what it answered, and what apps would be told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from broker.cli import main
from broker.cli.trial import Trial, TrialFailed, log_in
from broker.config.model import Config
from broker.demo.emulation import Address, at_demo, build_emulators, turned
from broker.demo.people import ADA
from broker.demo.servers import serving, take_port
from broker.demo.upstreams import EMULATORS, Emulator
from broker.demo.visitor import Visitor
from broker.registry import settings_class
from broker.upstream.trial import mask
from tests.cli.conftest import LIVE
from tests.ports import free_port

ISSUER = "https://id.example.com"


@dataclass
class Bench:
    """One emulated service, a terminal, and a browser of somebody who reads it."""

    config: Config
    name: str
    emulator: Emulator
    port: int
    person: str = "ada"
    lines: list[str] = field(default_factory=list)
    visits: list[asyncio.Task[str]] = field(default_factory=list)

    async def run(self, *, paste: bool = False, wait: float = 60) -> str:
        """Everything that was printed."""
        base = ISSUER if paste else f"http://127.0.0.1:{self.port}"
        await log_in(
            self.config,
            self.name,
            Trial(f"{base}/callback/{self.name}", 0 if paste else self.port, self.say, self.ask, wait),
        )
        for visit in self.visits:
            await visit
        return "\n".join(self.lines)

    def say(self, line: str) -> None:
        self.lines.append(line)
        if "Open this" in line:
            self.visits.append(asyncio.create_task(self.visit(line.rsplit(maxsplit=1)[-1])))

    async def visit(self, url: str) -> str:
        async with Visitor(stops=(ISSUER,)) as visitor:
            page = await visitor.get(f"{url}&_person={self.person}")
            return page.url

    def ask(self, what: str) -> str:
        """The address that the browser ended at, copied by its owner."""
        visit, loop = self.visits[-1], self.visits[-1].get_loop()
        return asyncio.run_coroutine_threadsafe(asyncio.wait_for(asyncio.shield(visit), 30), loop).result(40)


def build_config(kind: str, **more: object) -> Config:
    """A configuration with one provider of this type, called `mine`."""
    settings = settings_class(kind).model_validate({"type": kind, **EMULATORS[kind].settings, **more})
    shop = {"name": "Shop", "redirect_uris": ["https://shop.example.com/cb"], "auth_method": "none"}
    data = {"version": 1, "issuer": ISSUER, "providers": {"mine": settings}, "clients": {"shop": shop}}
    return Config.model_validate(data)


@asynccontextmanager
async def bench(kind: str, **more: object) -> AsyncIterator[Bench]:
    """The service of this type, with the callback of the command in its console."""
    config = build_config(kind, **more)
    emulator = build_emulators(config)[kind]
    port, own = take_port(kind, "127.0.0.1"), free_port()
    app = emulator.apps[config.providers["mine"].client_id]
    here = f"http://127.0.0.1:{own}/callback/mine"
    emulator.apps[app.client_id] = replace(app, redirect_uris=(*app.redirect_uris, here))
    url = f"http://127.0.0.1:{port.number}"
    async with serving([(port, emulator.app)]):
        yield Bench(turned(config, {kind: Address(url, url)}, {kind: emulator}), "mine", emulator, own)


def identity_of(printed: str) -> dict[str, object]:
    """What is printed last."""
    found: dict[str, object] = json.loads(printed.rpartition("Identity\n")[2])
    return found


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["google", "vk", "ok", "yandex", "oidc"])
async def test_a_real_login_prints_answers_without_secrets_and_whom_they_describe(kind: str) -> None:
    async with bench(kind) as at:
        printed = await at.run()
        secrets = [text for entry in at.emulator.control.seen for text in _secrets_of(entry["params"])]
    found = identity_of(printed)
    assert found["subject"] == ADA.ids[kind]
    assert "\nPOST " in printed
    assert secrets
    assert not [secret for secret in secrets if secret in printed.partition("here:")[2].partition("\n\n")[2]]


def _secrets_of(params: Any) -> list[str]:
    names = ("code", "client_secret", "code_verifier", "access_token", "sig")
    return [value for name, value in params.items() if name in names and value]


@pytest.mark.anyio
async def test_the_claims_of_an_id_token_are_shown_and_the_token_is_not() -> None:
    async with bench("google") as at:
        printed = await at.run()
    assert '"email": "ada.lovelace@gmail.com"' in printed
    assert "eyJh… (" in printed


@pytest.mark.anyio
@pytest.mark.parametrize("more", [{"mode": "client"}], ids=["fragment"])
async def test_an_answer_in_the_fragment_arrives_too(more: Mapping[str, object]) -> None:
    async with bench("ok", **more) as at:
        assert identity_of(await at.run())["subject"] == ADA.ids["ok"]


@pytest.mark.anyio
async def test_an_answer_by_form_arrives_too() -> None:
    async with bench("oidc", response_mode="form_post") as at:
        assert identity_of(await at.run())["subject"] == ADA.ids["oidc"]


@pytest.mark.anyio
async def test_the_address_of_the_brokers_own_callback_may_be_copied_here() -> None:
    async with bench("yandex") as at:
        assert identity_of(await at.run(paste=True))["subject"] == ADA.ids["yandex"]
    async with bench("ok", mode="client") as at:
        assert identity_of(await at.run(paste=True))["subject"] == ADA.ids["ok"]


@pytest.mark.anyio
async def test_what_goes_wrong_is_said_with_the_upstreams_own_word() -> None:
    async with bench("yandex") as at:
        at.emulator.faults.switch("invalid_grant", on=True)
        with pytest.raises(TrialFailed, match=r"UpstreamRejected: /token: status 400, .*invalid_grant"):
            await at.run()
        assert any("invalid_grant" in line for line in at.lines)
        at.emulator.faults.switch("decline", on=True)
        with pytest.raises(TrialFailed, match="UpstreamDenied: the upstream said access_denied"):
            await at.run()


@pytest.mark.anyio
async def test_a_widget_an_answer_that_does_not_come_and_a_taken_port_say_what_to_do() -> None:
    async with bench("telegram", mode="widget", bot_username="sample_bot") as at:
        with pytest.raises(TrialFailed, match="shows its widget on a page of the broker"):
            await at.run()
    async with bench("yandex") as at:
        at.emulator.apps.clear()
        with pytest.raises(TrialFailed, match="its console does not know that address"):
            await at.run(wait=1)
        taken = take_port("taken", "127.0.0.1")
        with pytest.raises(TrialFailed, match=f"port {taken.number} is taken; name another with --port"):
            await replace(at, port=taken.number).run()
        taken.close()


def test_secrets_are_cut_wherever_they_are() -> None:
    told = {"access_token": "a" * 40, "list": [{"session_secret_key": "b" * 32}], "id_token": "no token", "name": "Ada"}
    assert mask(told) == {
        "access_token": "aaaa… (40 characters)",
        "list": [{"session_secret_key": "bbbb… (32 characters)"}],
        "id_token": "no t… (8 characters)",
        "name": "Ada",
    }


def test_a_name_that_is_not_there_lists_those_that_are(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(LIVE.format(issuer=ISSUER, listen="127.0.0.1:8080", management=9400))
    command = ["provider", "test", "gogle", "--config", str(path)]
    done = CliRunner(env={"BROKER_CONFIG": None}).invoke(main, command)
    assert (done.exit_code, done.output) == (1, "gogle: no such provider; there are google\n")


def test_with_emulated_upstreams_it_signs_in_at_the_demo() -> None:
    assert at_demo(build_config("google")).providers["mine"].server_base == "http://127.0.0.1:8410"
