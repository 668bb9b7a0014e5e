"""Who may call drf-social-oauth2's API: what an operator writes that could never work is said at the start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from broker.config.clients import build_clients
from broker.core.errors import ConfigError
from tests.config.minimal import MINIMAL, SECRET
from tests.config.test_posted import ACCEPTS, BRINGS, read, written

BACKENDS = {"google-oauth2": "google", "google-identity": "google"}
SCOPES = ["openid", "offline_access"]
LEGACY = BRINGS | {"scopes": SCOPES, "drf_backends": BACKENDS, "drf_without_nonce": ["google"]}


def test_names_of_backends_turn_it_on(tmp_path: Path) -> None:
    (client,) = build_clients(read(written(ACCEPTS, LEGACY), tmp_path).config).values()
    assert (client.drf.drf_backends, client.drf.drf_without_nonce) == (BACKENDS, ("google",))


def test_by_default_it_is_off(tmp_path: Path) -> None:
    (client,) = build_clients(read(MINIMAL, tmp_path).config).values()
    assert (client.drf.drf_backends, client.drf.drf_without_nonce) == ({}, ())


@pytest.mark.parametrize(
    ("client", "at", "said"),
    [
        ({"drf_without_nonce": []}, "drf_backends.google-oauth2", "needs google in drf_without_nonce"),
        ({"drf_backends": {}}, "drf_without_nonce[0]", "is none of drf_backends"),
        ({"drf_without_nonce": ["vk"]}, "drf_without_nonce[0]", "there is no provider vk"),
        ({"drf_backends": {"google-oauth2": "gogle"}}, "drf_backends.google-oauth2", "did you mean google?"),
        ({"drf_backends": {"google oauth2": "google"}}, "drf_backends.google oauth2", "is not what belongs here"),
        ({"accept_posted": []}, "drf_backends.google-oauth2", "needs google in accept_posted"),
        ({"scopes": ["openid"]}, "drf_backends", "needs offline_access in scopes"),
        ({"dpop_bound_access_tokens": True}, "drf_backends", "dpop_bound_access_tokens"),
    ],
)
def test_what_could_never_work_is_said(client: dict[str, Any], at: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(written(ACCEPTS, LEGACY | client), tmp_path)
    assert [line for line in caught.value.problems if at in line and said in line], caught.value.problems


def test_a_provider_that_takes_codes_alone_is_no_backend(tmp_path: Path) -> None:
    client = BRINGS | {"scopes": SCOPES, "accept_posted": ["vk"], "drf_backends": {"vk-oauth2": "vk"}}
    vk = 'providers:\n  vk: {type: vk, client_id: "51", accept_posted: [code]}\n'
    with pytest.raises(ConfigError) as caught:
        read(written(ACCEPTS, client).replace("providers:\n", vk, 1), tmp_path)
    assert [line for line in caught.value.problems if "vk-oauth2" in line and "of those none counts there" in line]


def test_the_entries_of_the_how_to_are_good(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/how-to/from-drf-social-oauth2.md").read_text("utf-8")
    entries = page.partition("```yaml\n")[2].partition("```")[0]
    for name in ("google", "yandex"):
        known = f"  {name}:\n    type: {name}\n    client_id: '123'\n    client_secret: {SECRET}\n"
        entries = entries.replace(f"  {name}:\n", known, 1)
    (client,) = build_clients(read(f"version: 1\nissuer: https://id.example.com\n{entries}", tmp_path).config).values()
    assert client.public
    assert client.drf.drf_backends.keys() == {"google-oauth2", "google-identity", "yandex-oauth2"}
