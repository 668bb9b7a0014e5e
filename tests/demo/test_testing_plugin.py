"""`broker.testing`: what other projects' tests get."""

from __future__ import annotations

import subprocess
import sys

import pytest

from broker.demo.background import RunningBroker
from broker.demo.headless import LoginFailed
from broker.demo.people import ADA, ZOE
from broker.testing import running_broker


@pytest.mark.parametrize("provider", ["google", "vk", "ok", "yandex", "telegram"])
def test_every_upstream_signs_a_person_in(broker_server: RunningBroker, provider: str) -> None:
    login = broker_server.login(provider, "zoe")
    assert login.claims["name"] == ZOE.name
    assert login.claims["iss"] == broker_server.issuer
    assert login.tokens["refresh_token"]


def test_the_same_person_keeps_the_same_sub_and_another_upstream_is_another_account(
    broker_server: RunningBroker,
) -> None:
    first, second = broker_server.login("google", "ada"), broker_server.login("google", "ada")
    assert first.claims["sub"] == second.claims["sub"]
    assert broker_server.login("vk", "ada").claims["sub"] != first.claims["sub"]


def test_faults_and_choices_steer_the_login(broker_server: RunningBroker) -> None:
    google = broker_server.emulators["google"]
    google.choose(cancel=True)
    with pytest.raises(LoginFailed):
        broker_server.login("google")
    google.clear()
    google.fault("wrong_nonce", times=1)
    with pytest.raises(LoginFailed):
        broker_server.login("google")
    google.answer("/token", status=503, times=1)
    with pytest.raises(LoginFailed):
        broker_server.login("google")
    google.choose("boris")
    assert "email" not in broker_server.login("google", "ada").claims
    assert any(entry["path"] == "/token" for entry in google.log())
    google.clear()
    assert google.log() == []
    with pytest.raises(LookupError):
        google.fault("meteorite")
    with pytest.raises(LookupError):
        google.choose("mallory")


def test_a_broker_of_ones_own_has_ones_own_clients() -> None:
    mine = {"name": "Mine", "redirect_uris": ["http://127.0.0.1/back"], "secret": "s" * 40, "scopes": ["openid"]}
    with running_broker({"mine": mine}) as broker:
        assert broker.client("mine").redirect_uri == "http://127.0.0.1/back"
        login = broker.login("yandex", "ada", client_id="mine", scope="openid")
        assert "name" not in login.claims
        assert ADA.ids["yandex"] not in login.claims["sub"]


def test_loading_the_plugin_imports_nothing_heavy() -> None:
    code = "import sys, broker.testing; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"aiohttp", "starlette", "uvicorn", "pydantic", "jinja2", "cryptography", "jwt"} & set(loaded)


def test_secrets_of_clients_are_not_in_their_repr(broker_server: RunningBroker) -> None:
    assert broker_server.client().client_secret not in repr(broker_server)
