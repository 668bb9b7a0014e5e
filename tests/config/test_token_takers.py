"""Whose tokens an app may have: the provider and the client both have to say so, and whoever reads the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from broker.config.clients import build_clients
from broker.core.errors import ConfigError
from tests.config.minimal import MINIMAL, SECRET
from tests.config.test_posted import GRANT, read, written

CALENDAR = "https://www.googleapis.com/auth/calendar.readonly"
KEEPS = {"keep_tokens": True, "token_scopes": [CALENDAR]}
TAKES = {"upstream_tokens": ["google"], "grants": ["authorization_code", "refresh_token", GRANT]}


def test_both_say_so_and_people_can_be_told_for_what(tmp_path: Path) -> None:
    (client,) = build_clients(read(written(KEEPS, TAKES), tmp_path).config).values()
    assert client.upstream_tokens == {"google": ("openid", "email", "profile", CALENDAR)}


def test_by_default_nobody_has_any(tmp_path: Path) -> None:
    config = read(MINIMAL, tmp_path).config
    assert not config.providers["google"].keep_tokens
    assert all(not client.upstream_tokens for client in build_clients(config).values())


@pytest.mark.parametrize(
    ("provider", "client", "at", "said"),
    [
        ({}, TAKES, "upstream_tokens", "needs providers.google.keep_tokens"),
        ({"token_scopes": [CALENDAR]}, {}, "providers.google", "token_scopes needs keep_tokens"),
        (
            {"keep_tokens": True, "token_scopes": ["two words"]},
            {},
            "providers.google.token_scopes",
            "is not what belongs here",
        ),
        (KEEPS, {"upstream_tokens": ["google"]}, "upstream_tokens", f"needs {GRANT} among the grants"),
        (KEEPS, {"grants": ["authorization_code", GRANT]}, "accept_posted", "or upstream_tokens"),
        (KEEPS, TAKES | {"upstream_tokens": ["gogle"]}, "upstream_tokens", "did you mean google?"),
        (KEEPS, TAKES | {"upstream_tokens": ["google", "google"]}, "upstream_tokens", "names google twice"),
        (KEEPS, TAKES | {"grants": [GRANT]}, "grants", "without authorization_code no provider's tokens"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_work_stops_the_start(
    provider: dict[str, Any], client: dict[str, Any], at: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        read(written(provider, client), tmp_path)
    (found,) = caught.value.problems
    assert at in found
    assert said in found


def test_only_providers_of_the_client_can_be_asked(tmp_path: Path) -> None:
    text = written(KEEPS, TAKES | {"providers": ["vk"]}).replace(
        "providers:\n", 'providers:\n  vk: {type: vk, client_id: "51"}\n', 1
    )
    with pytest.raises(ConfigError) as caught:
        read(text, tmp_path)
    assert [line for line in caught.value.problems if "is not among providers" in line]


def test_a_provider_that_has_none_to_give_says_so(tmp_path: Path) -> None:
    text = written({}, TAKES | {"upstream_tokens": ["vk"]}).replace(
        "providers:\n", 'providers:\n  vk: {type: vk, client_id: "51"}\n', 1
    )
    with pytest.raises(ConfigError) as caught:
        read(text, tmp_path)
    assert [line for line in caught.value.problems if "vk gives no tokens that could be kept" in line]


def test_a_client_without_a_secret_has_none(tmp_path: Path) -> None:
    text = written(KEEPS, TAKES | {"auth_method": "none"})
    text = "\n".join(line for line in text.splitlines() if not line.startswith("    secret:")) + "\n"
    with pytest.raises(ConfigError) as caught:
        read(text, tmp_path)
    assert [line for line in caught.value.problems if "upstream_tokens: needs a secret" in line]


OIDC = """  sso:
    type: oidc
    issuer: https://sso.example.com
    client_id: broker
    client_secret: {secret}
    keep_tokens: true
"""


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("use_refresh_token: true", "would use one refresh token twice"),
        ("subject_claim: oid", "know people by sub"),
    ],
)
def test_what_an_issuer_cannot_do_beside_it_stops_the_start(key: str, said: str, tmp_path: Path) -> None:
    entry = OIDC.format(secret=SECRET) + f"    {key}\n"
    with pytest.raises(ConfigError) as caught:
        read(MINIMAL.replace("providers:\n", f"providers:\n{entry}", 1), tmp_path)
    assert said in str(caught.value)


def test_yandex_has_one_set_of_rights(tmp_path: Path) -> None:
    entry = (
        f"  yandex: {{type: yandex, client_id: abc, client_secret: {SECRET}, keep_tokens: true, token_scopes: [a:b]}}\n"
    )
    with pytest.raises(ConfigError, match="one set of rights per person"):
        read(MINIMAL.replace("providers:\n", f"providers:\n{entry}", 1), tmp_path)


def test_the_entries_of_the_how_to_are_good(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/how-to/upstream-tokens.md").read_text("utf-8")
    entries = page.partition("```yaml\n")[2].partition("```")[0].replace("sha256:…", f"sha256:{'ab' * 32}")
    google = f"  google:\n    type: google\n    client_id: '123'\n    client_secret: {SECRET}\n"
    text = "version: 1\nissuer: https://id.example.com\n" + entries.replace("  google:\n", google, 1)
    (client,) = build_clients(read(text, tmp_path).config).values()
    assert client.upstream_tokens == {"google": ("openid", "email", "profile", CALENDAR)}
