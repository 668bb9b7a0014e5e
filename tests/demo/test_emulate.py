"""`broker emulate` and `running_emulators`: the upstreams without a broker, for code that is not ours."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

import httpx2
import orjson
import pytest

from broker.demo.emulate import RunningEmulators, Wanted, build_service, main
from broker.demo.people import ADA
from broker.demo.servers import take_port
from broker.demo.upstreams import EMULATORS, Options
from broker.testing import running_emulators

CALLBACKS = ("http://localhost:3000/back", "https://shop.example/back")


@pytest.fixture(scope="module")
def running() -> Iterator[RunningEmulators]:
    with running_emulators(["yandex", "oidc"], CALLBACKS) as found:
        yield found


def signed_in(running: RunningEmulators, callback: str, **more: str) -> dict[str, object]:
    """The profile that a plain client gets at Yandex."""
    client, url = running.clients["yandex"], running.emulators["yandex"].url
    asked = {"client_id": client.client_id, "redirect_uri": callback, "response_type": "code", "_person": "ada", **more}
    with httpx2.Client(base_url=url) as http:
        there = http.get("/authorize", params=asked)
        code = dict(parse_qsl(urlsplit(there.headers["location"]).query))["code"]
        form = {"grant_type": "authorization_code", "code": code, "client_secret": client.client_secret}
        token = http.post("/token", data={**form, "client_id": client.client_id}).json()["access_token"]
        profile: dict[str, object] = http.get("/info", headers={"Authorization": f"OAuth {token}"}).json()
    return profile


@pytest.mark.parametrize("callback", CALLBACKS)
def test_a_client_signs_people_in_without_a_broker(running: RunningEmulators, callback: str) -> None:
    profile = signed_in(running, callback)
    assert profile["id"] == ADA.ids["yandex"]
    assert profile["client_id"] == running.clients["yandex"].client_id


def test_nobody_is_sent_to_an_address_that_was_not_named(running: RunningEmulators) -> None:
    client, url = running.clients["yandex"], running.emulators["yandex"].url
    asked = {"client_id": client.client_id, "redirect_uri": "http://localhost:3000/", "response_type": "code"}
    answer = httpx2.get(f"{url}/authorize", params={**asked, "_person": "ada"})
    assert (answer.status_code, answer.headers.get("location")) == (400, None)


def test_an_issuer_is_where_it_answers(running: RunningEmulators) -> None:
    url = running.emulators["oidc"].url
    assert httpx2.get(f"{url}/.well-known/openid-configuration").json()["issuer"] == url


def test_people_and_switches_are_there_and_wrong_names_explained(running: RunningEmulators) -> None:
    running.people.add("carol", given_name="Carol")
    assert signed_in(running, CALLBACKS[0], _person="carol")["first_name"] == "Carol"
    running.emulators["yandex"].clear()
    with pytest.raises(LookupError, match="no upstream gogle; there are oidc, yandex"):
        running.emulators["gogle"].clear()
    everybody = ", ".join(sorted(EMULATORS))
    with pytest.raises(LookupError, match=f"there are {everybody}"), running_emulators(["gogle"], CALLBACKS):
        pass


@pytest.mark.parametrize("kind", sorted(EMULATORS))
def test_every_upstream_knows_one_app_and_says_where_it_answers(kind: str) -> None:
    one = build_service(kind, "http://127.0.0.1:1", Wanted(redirect_uris=CALLBACKS), Options())
    (app,) = one.emulator.apps.values()
    assert app.redirect_uris == CALLBACKS
    assert one.told()["client_id"] == app.client_id == one.client.client_id
    assert one.paths
    assert not any(path.startswith("/_emulator/") for path in one.paths)
    own = Wanted(redirect_uris=CALLBACKS, client_id="4711", client_secret="of-my-own")
    other = build_service(kind, "http://127.0.0.1:1", own, Options())
    assert other.emulator.apps.keys() == {"4711"}
    assert other.client.client_secret == ("of-my-own" if app.client_secret else "")
    assert app.client_id not in " ".join(other.emulator.apps["4711"].extras.values())


def test_ports_follow_each_other_or_are_those_of_the_demo() -> None:
    assert Wanted(("vk", "google", "vk"), port=9000).ports() == {"vk": 9000, "google": 9001}
    assert Wanted(("vk", "google"), port=0).ports() == {"vk": 0, "google": 0}
    assert Wanted(("vk", "google")).ports() == {"vk": 8411, "google": 8410}
    assert list(Wanted().ports()) == list(EMULATORS)


def test_the_command_tells_programs_in_one_line_and_ends_when_it_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    command = (sys.executable, "-m", "broker", "emulate", "vk", "--port", "0", "--json", "--redirect-uri", CALLBACKS[0])
    with subprocess.Popen([*command, "--client-id", "4711"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        told = orjson.loads(process.stdout.readline())
        assert httpx2.get(f"{told['vk']['url']}/_emulator/faults").status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    assert (told["vk"]["client_id"], told["vk"]["client_secret"]) == ("4711", "")
    assert "/oauth2/auth" in told["vk"]["paths"]


def test_what_cannot_be_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(Wanted(("gogle",), CALLBACKS)) == 1
    assert capsys.readouterr().err.startswith("no upstream gogle; there are ")
    with contextlib.closing(take_port("test", "127.0.0.1")) as port:
        assert main(Wanted(("vk",), CALLBACKS, port=port.number)) == 1
        wanted = f"vk needs port {port.number} of 127.0.0.1, and another program has it\n"
    assert capsys.readouterr().err == wanted
    assert main(Wanted(("vk",), CALLBACKS, "0.0.0.0")) == 1
    assert "Add --i-know" in capsys.readouterr().err
