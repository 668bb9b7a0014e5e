"""The commands of drf-social-oauth2's documentation, as they stand there but for host, ids and tokens, against us.

github.com/wagnerdelima/drf-social-oauth2: README.rst, docs/source/setup-testing.rst and integration.rst, api.yaml for
the calls that are shown as JSON (read 2026-11).
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import pytest

from broker.demo.background import PROVIDERS as PLAIN
from tests.threats.posted_matrix import ANDROID, APP, IOS, SECRET, Bench, bench

pytestmark = pytest.mark.interop  # the commands are curl's

TOKEN: Final = 'curl -X POST -d "{}" http://localhost:8000/auth/token'
CONVERT: Final = (
    'curl -X POST -d "grant_type=convert_token&client_id=<client_id>&client_secret=<client_secret>&backend={}&token={}"'
    " http://localhost:8000/auth/convert-token"
)
BEARER: Final = (
    'curl -H "Authorization: Bearer <token>" -X POST -d "client_id=<client_id>" http://localhost:8000/auth/{}'
)
KNOWN: Final = "client_id=<client_id>&client_secret=<client_secret>"
COMMANDS: Final = {
    "password": TOKEN.format(f"{KNOWN}&grant_type=password&username=<user_name>&password=<password>"),
    "refresh": TOKEN.format(f"grant_type=refresh_token&{KNOWN}&refresh_token=<your_refresh_token>"),
    "convert": CONVERT.format("<backend>", "<backend_token>"),
    "facebook": CONVERT.format("facebook", "<facebook_token>"),
    "google-oauth2": CONVERT.format("google-oauth2", "<google_token>"),
    "google-identity": CONVERT.format("google-identity", "<google_openid_token>"),
    "github": CONVERT.format("github", "<github_token>"),
    "revoke": f'curl -X POST -d "{KNOWN}&token=<your_token>" http://localhost:8000/auth/revoke-token',
    "sessions": BEARER.format("invalidate-sessions"),
    "refresh tokens": BEARER.format("invalidate-refresh-tokens"),
}
LEGACY: Final = {
    **APP,
    "redirect_uris": ["http://127.0.0.1/callback"],
    "auth_method": "client_secret",
    "secret": SECRET,
    "drf_backends": {
        "google-oauth2": "google",
        "google-identity": "google",
        "yandex-oauth2": "yandex",
        "odnoklassniki-oauth2": "ok",
    },
    "drf_without_nonce": ["google"],
}
FIELDS: Final = {"access_token", "expires_in", "token_type", "scope", "refresh_token"}


@dataclass(frozen=True)
class Answer:
    """What curl saw; `told` is None for no body."""

    status: int
    told: Any


@dataclass(frozen=True)
class Legacy:
    """An app of drf-social-oauth2 with a new address in its settings, and no other change."""

    at: Bench

    def run(self, command: str, **own: str) -> Answer:
        """A command of the documentation with one's own values; `-s -w` only make curl say the status."""
        known = {"client_id": "legacy", "client_secret": SECRET, **own}
        for name, value in known.items():
            command = command.replace(f"<{name}>", value)
        assert "<" not in command, command
        command = command.replace("http://localhost:8000", self.at.broker.issuer)
        return self._curl(command.replace("curl ", 'curl -s -w "\\n%{http_code}" ', 1))

    def post(self, path: str, body: Mapping[str, Any], bearer: str = "") -> Answer:
        """A call as the API's description has it: JSON."""
        header = f"-H 'Authorization: Bearer {bearer}'" if bearer else ""
        url = f"{self.at.broker.issuer}{path}"
        sent = f"-H 'Content-Type: application/json' -d '{json.dumps(body)}'"
        return self._curl(f"curl -s -w '\\n%{{http_code}}' -X POST {header} {sent} {url}")

    def _curl(self, command: str) -> Answer:
        environ = {**os.environ, "NO_PROXY": "*"}
        done = subprocess.run(["bash", "-euc", command], env=environ, capture_output=True, check=True, text=True)
        body, _, status = done.stdout.rpartition("\n")
        return Answer(int(status), json.loads(body) if body else None)

    def yandex(self) -> str:
        """What Yandex's kit gives to it."""
        return self.at.kit("yandex", app=str(PLAIN["yandex"]["client_id"]), person="ada")["access_token"]

    def google(self, app: str = IOS) -> str:
        """What Google's kit gives to it; that of iOS makes a nonce up that nobody learns."""
        server = {"server": str(PLAIN["google"]["client_id"])} if app == ANDROID else {}
        return self.at.kit("google", app=app, person="ada", nonce=uuid4().hex, **server)["id_token"]

    def sign_in(self) -> dict[str, Any]:
        """The tokens for a token of Yandex."""
        answer = self.run(COMMANDS["convert"], backend="yandex-oauth2", backend_token=self.yandex())
        assert answer.status == 200, answer.told
        return dict(answer.told)

    def alive(self, access_token: str) -> bool:
        """Whether an access token opens anything."""
        headers = {"Authorization": f"Bearer {access_token}"}
        return self.at.http.get(f"{self.at.broker.issuer}/userinfo", headers=headers).status_code == 200


@pytest.fixture(scope="module")
def app() -> Iterator[Legacy]:
    with bench({"legacy": LEGACY}) as at:
        yield Legacy(at)


def test_a_token_of_a_backend_is_converted(app: Legacy) -> None:
    told = app.sign_in()
    assert told.keys() == FIELDS
    assert (told["token_type"], type(told["expires_in"])) == ("Bearer", int)
    assert app.alive(told["access_token"])
    token = app.at.kit("ok", app=str(PLAIN["ok"]["client_id"]), person="ada")["access_token"]
    answer = app.run(COMMANDS["convert"], backend="odnoklassniki-oauth2", backend_token=token)
    assert (answer.status, answer.told.keys()) == (200, FIELDS)


@pytest.mark.parametrize("kit", [ANDROID, IOS])
@pytest.mark.parametrize(
    ("backend", "token"), [("google-oauth2", "google_token"), ("google-identity", "google_openid_token")]
)
def test_the_id_token_of_google_is_converted(app: Legacy, backend: str, token: str, kit: str) -> None:
    answer = app.run(COMMANDS[backend], **{token: app.google(kit)})
    assert (answer.status, answer.told.keys()) == (200, FIELDS)


@pytest.mark.parametrize("backend", ["facebook", "github"])
def test_a_backend_that_is_not_here_is_refused_as_one_that_is_not_enabled(app: Legacy, backend: str) -> None:
    answer = app.run(COMMANDS[backend], **{f"{backend}_token": "x"})
    assert (answer.status, answer.told["error"]) == (400, "invalid_request")
    assert answer.told["error_description"] == "Invalid backend parameter."


def test_nobody_signs_in_by_a_password(app: Legacy) -> None:
    answer = app.run(COMMANDS["password"], user_name="ada", password="lovelace")
    assert (answer.status, answer.told["error"]) == (400, "unsupported_grant_type")


def test_a_token_is_refreshed_and_the_spent_one_is_no_good(app: Legacy) -> None:
    first = app.sign_in()
    answer = app.run(COMMANDS["refresh"], your_refresh_token=first["refresh_token"])
    assert answer.status == 200
    assert answer.told.keys() >= FIELDS
    assert answer.told["refresh_token"] != first["refresh_token"]
    again = app.run(COMMANDS["refresh"], your_refresh_token="made-up")
    assert (again.status, again.told["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_a_token_is_given_back(app: Legacy, kind: str) -> None:
    told = app.sign_in()
    assert app.run(COMMANDS["revoke"], your_token=told[kind]) == Answer(204, None)
    assert not app.alive(told["access_token"])
    assert app.run(COMMANDS["revoke"], your_token=told[kind]) == Answer(204, None)
    wrong = app.run(COMMANDS["revoke"], your_token=told[kind], client_secret="wrong")
    assert (wrong.status, wrong.told["error"]) == (401, "invalid_client")


def test_all_tokens_of_a_person_are_given_back(app: Legacy) -> None:
    first, second = app.sign_in(), app.sign_in()
    assert app.run(COMMANDS["sessions"], token=first["access_token"]) == Answer(204, None)
    assert not app.alive(first["access_token"])
    assert not app.alive(second["access_token"])
    assert app.run(COMMANDS["refresh"], your_refresh_token=second["refresh_token"]).status == 400
    assert app.run(COMMANDS["sessions"], token=first["access_token"]).status == 401


def test_refresh_tokens_alone_are_given_back(app: Legacy) -> None:
    first, second = app.sign_in(), app.sign_in()
    assert app.run(COMMANDS["refresh tokens"], token=first["access_token"]) == Answer(204, None)
    assert app.alive(first["access_token"])
    assert app.alive(second["access_token"])
    for told in (first, second):
        answer = app.run(COMMANDS["refresh"], your_refresh_token=told["refresh_token"])
        assert (answer.status, answer.told["error"]) == (400, "invalid_grant")


def test_every_call_of_its_description_takes_json(app: Legacy) -> None:
    known = {"client_id": "legacy", "client_secret": SECRET}
    sent = {"grant_type": "convert_token", "backend": "yandex-oauth2", "token": app.yandex(), **known}
    answer = app.post("/auth/convert-token/", sent)
    assert (answer.status, answer.told.keys()) == (200, FIELDS)
    bearer = answer.told["access_token"]
    refreshed = app.post(
        "/auth/token", known | {"grant_type": "refresh_token", "refresh_token": answer.told["refresh_token"]}
    )
    assert refreshed.status == 200
    assert app.post("/auth/revoke-token", known | {"token": refreshed.told["access_token"]}) == Answer(204, None)
    assert app.post("/auth/invalidate-sessions", {"client_id": "legacy"}, bearer).status == 401
    for call in ("invalidate-refresh-tokens", "invalidate-sessions"):
        assert app.post(f"/auth/{call}", {}, app.sign_in()["access_token"]).told["client_id"] == [
            "This field is required."
        ]
        assert app.post(f"/auth/{call}", {"client_id": "legacy"}, app.sign_in()["access_token"]) == Answer(204, None)
        assert app.post(f"/auth/{call}", {"client_id": "legacy"}).status == 401
    unsaid = app.post("/auth/convert-token", {})
    assert (unsaid.status, unsaid.told["error"]) == (400, "invalid_request")
    assert unsaid.told["client_id"] == ["This field is required."]


def test_a_backend_is_disconnected_after_a_fresh_login(app: Legacy) -> None:
    scope = "openid identities identities.manage"
    login = app.at.broker.login("google", "boris", client_id="legacy", scope=scope, prompt="login")
    bearer = str(login.tokens["access_token"])
    token = app.at.kit("yandex", app=str(PLAIN["yandex"]["client_id"]), person="boris")["access_token"]
    posted = {"subject_token": token, "subject_token_type": "urn:ietf:params:oauth:token-type:access_token"}
    assert app.at.link(bearer, posted | {"subject_issuer": "yandex"}).status_code == 201
    sent = {"backend": "yandex-oauth2", "association_id": 7}
    stale = app.post("/auth/disconnect-backend", sent, app.sign_in()["access_token"])
    assert (stale.status, stale.told["error"]) == (401, "insufficient_user_authentication")
    assert app.post("/auth/disconnect-backend", {}, bearer).told["backend"] == ["This field is required."]
    assert app.post("/auth/disconnect-backend", sent | {"backend": "x"}, bearer).told["backend"] == ["Invalid backend."]
    assert app.post("/auth/disconnect-backend", sent, bearer) == Answer(204, None)
    last = app.post("/auth/disconnect-backend", sent | {"backend": "google-oauth2"}, bearer)
    assert (last.status, last.told["error"]) == (409, "last_identity")
    assert app.post("/auth/disconnect-backend", sent).status == 401
