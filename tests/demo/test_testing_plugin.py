"""`broker.testing`: what other projects' tests get."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

import pytest

from broker.demo.background import RunningBroker
from broker.demo.headless import LoginFailed
from broker.demo.people import ADA, ZOE
from broker.demo.switches import Switches
from broker.testing import running_broker

pytest_plugins = ("pytester",)


@pytest.mark.parametrize("provider", ["google", "vk", "ok", "yandex", "telegram", "oidc"])
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


def test_what_one_test_changes_is_gone_for_the_next(
    broker_server: RunningBroker, broker_emulators: Mapping[str, Switches], pytester: pytest.Pytester
) -> None:
    pytester.makepyfile(
        """
        def test_one(broker_server, broker_emulators):
            broker_emulators["google"].fault("wrong_nonce")
            broker_emulators["vk"].choose("boris")
            broker_server.people.add("carol")

        def test_two(broker_server, broker_emulators):
            assert broker_server.login("google", "ada").claims["name"]
            assert broker_server.login("vk", "zoe").claims["given_name"].startswith("Zoë")
            try:
                broker_server.login("google", "carol")
            except LookupError as error:
                assert str(error) == "no person carol; there are ada, boris, zoe"
            else:
                raise AssertionError("carol should be gone")
        """
    )
    pytester.runpytest_subprocess().assert_outcomes(passed=2)


@pytest.mark.parametrize("provider", ["google", "vk", "ok", "yandex", "telegram", "oidc"])
def test_a_person_of_ones_own_lives_at_every_upstream(
    broker_server: RunningBroker, broker_emulators: Mapping[str, Switches], provider: str
) -> None:
    assert broker_emulators
    broker_server.people.add("carol", given_name="Carol", family_name="O'Neil", email="carol@example.org")
    claims = broker_server.login(provider, "carol").claims
    assert claims["name"] == "Carol O'Neil"
    assert claims["sub"] != broker_server.login(provider, "ada").claims["sub"]
    broker_server.people.add("carol", given_name="Caroline")
    again = broker_server.login(provider, "carol").claims
    assert (again["name"], again["sub"]) == ("Caroline", claims["sub"])


def test_claims_can_be_told_in_signed_tokens_and_left_out(
    broker_server: RunningBroker, broker_emulators: Mapping[str, Switches]
) -> None:
    google = broker_emulators["google"]
    assert broker_server.login("google", "ada").claims["email_verified"] is True
    google.claims("ada", email_verified=False, given_name=None, name=["odd"])
    told = broker_server.login("google", "ada").claims
    assert told["email_verified"] is False
    assert "given_name" not in told
    google.claims("ada")
    assert broker_server.login("google", "ada").claims["given_name"] == ADA.given_name
    with pytest.raises(LookupError, match="no person mallory; there are ada, boris, zoe"):
        google.claims("mallory", name="M")


def test_a_mistake_is_told_with_what_there_is(broker_server: RunningBroker) -> None:
    with pytest.raises(LookupError, match="no person carol; there are ada, boris, zoe"):
        broker_server.login("google", "carol")
    with pytest.raises(LookupError, match="no provider gogle; there are google, oidc, ok, telegram, vk, yandex"):
        broker_server.login("gogle")
    with pytest.raises(LookupError, match="no fault meteorite; there are 500, "):
        broker_server.emulators["google"].fault("meteorite")
