"""Who may bring credentials that a vendor's kit gave to an app: the provider and the client both have to say so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from broker.cli.common import resolve as installed
from broker.config.clients import build_clients
from broker.config.load import Loaded, load_text
from broker.core.errors import ConfigError
from broker.core.terms import GrantType, PostedKind
from broker.registry import provider_types
from providers import BUILTIN
from tests.config.minimal import MINIMAL, SECRET

GRANT = GrantType.TOKEN_EXCHANGE.value
NATIVE = "1-android.apps.googleusercontent.com"
ACCEPTS = {"accept_posted": ["id_token"], "native_client_ids": [NATIVE]}
BRINGS = {"accept_posted": ["google"], "grants": ["authorization_code", "refresh_token", GRANT]}


def written(provider: dict[str, Any], client: dict[str, Any]) -> str:
    """The configuration with these keys in the entries of Google and of the client."""
    google, shop = (
        "".join(f"    {name}: {json.dumps(value)}\n" for name, value in keys.items()) for keys in (provider, client)
    )
    return MINIMAL.replace("    type: google\n", f"    type: google\n{google}") + shop


def read(text: str, tmp_path: Path) -> Loaded:
    return load_text(text, "config.yaml", installed, environ={}, base=tmp_path)


def test_both_say_so_and_it_is_on(tmp_path: Path) -> None:
    config = read(written(ACCEPTS, BRINGS), tmp_path).config
    assert config.providers["google"].accept_posted == (PostedKind.ID_TOKEN,)
    (client,) = build_clients(config).values()
    assert client.accept_posted == ("google",)


def test_by_default_nothing_is_accepted(tmp_path: Path) -> None:
    config = read(MINIMAL, tmp_path).config
    assert config.providers["google"].accept_posted == ()
    assert all(not client.accept_posted for client in build_clients(config).values())


@pytest.mark.parametrize(
    ("provider", "client", "at", "said"),
    [
        (
            ACCEPTS | {"accept_posted": ["access_token"]},
            BRINGS,
            "providers.google.accept_posted",
            "it can: credential, id_token",
        ),
        (ACCEPTS | {"accept_posted": ["id-token"]}, BRINGS, "providers.google.accept_posted", "id_token"),
        ({"accept_posted": ["id_token"]}, BRINGS, "providers.google", "needs native_client_ids"),
        (ACCEPTS | {"native_client_ids": ["123"]}, BRINGS, "providers.google", "must not have client_id"),
        ({}, BRINGS, "accept_posted", "needs providers.google.accept_posted"),
        (ACCEPTS, {"accept_posted": ["google"]}, "accept_posted", f"needs {GRANT} among the grants"),
        (ACCEPTS, {"grants": [GRANT]}, "accept_posted", "is required"),
        (ACCEPTS, BRINGS | {"grants": [GRANT]}, "grants", "without authorization_code nobody could agree"),
        (ACCEPTS, BRINGS | {"accept_posted": ["gogle"]}, "accept_posted", "did you mean google?"),
        (ACCEPTS, BRINGS | {"accept_posted": ["google", "google"]}, "accept_posted", "names google twice"),
        (ACCEPTS, BRINGS | {"scopes": ["profile"]}, "scopes", "openid is missing"),
        ({}, {"one_tap": True}, "clients.shop.one_tap", "needs a provider of this client with one_tap: true"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_work_stops_the_start(
    provider: dict[str, Any], client: dict[str, Any], at: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        read(written(provider, client), tmp_path)
    (found,) = caught.value.problems
    assert f"{at}" in found
    assert said in found


def test_only_providers_of_the_client_can_be_posted(tmp_path: Path) -> None:
    text = written(ACCEPTS, BRINGS | {"providers": ["vk"]}).replace(
        "providers:\n", 'providers:\n  vk: {type: vk, client_id: "51"}\n', 1
    )
    with pytest.raises(ConfigError) as caught:
        read(text, tmp_path)
    assert [line for line in caught.value.problems if "is not among providers" in line]


MINI = "  telegram: {type: telegram, client_id: '7', client_secret: s3cretOf7bot, accept_posted: [init_data]}\n"
LOGIN = {"initiate_login_uri": "https://shop.example.com/login"}


def with_mini_app(client: dict[str, Any], telegram: str = MINI) -> str:
    return written({}, client).replace("providers:\n", f"providers:\n{telegram}", 1)


def test_a_mini_app_is_a_page_where_provider_and_client_say_so(tmp_path: Path) -> None:
    config = read(with_mini_app({"mini_apps": ["telegram"], **LOGIN}), tmp_path).config
    (client,) = build_clients(config).values()
    assert client.mini_apps == ("telegram",)


@pytest.mark.parametrize(
    ("client", "telegram", "said"),
    [
        ({"mini_apps": ["telegram"]}, MINI, "needs initiate_login_uri"),
        ({"mini_apps": ["google"], **LOGIN}, MINI, "needs init_data in providers.google.accept_posted"),
        ({"mini_apps": ["telegram"], **LOGIN}, MINI.replace("init_data", "id_token"), "needs init_data in"),
        ({"mini_apps": ["telegran"], **LOGIN}, MINI, "did you mean telegram?"),
        ({"mini_apps": ["telegram", "telegram"], **LOGIN}, MINI, "names telegram twice"),
        ({"mini_apps": ["telegram"], "providers": ["google"], **LOGIN}, MINI, "is not among providers"),
    ],
)
def test_a_mini_app_that_cannot_work_stops_the_start(
    client: dict[str, Any], telegram: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        read(with_mini_app(client, telegram), tmp_path)
    (found,) = caught.value.problems
    assert "mini_apps" in found
    assert said in found


def test_an_app_of_ours_needs_no_way_to_agree(tmp_path: Path) -> None:
    read(written(ACCEPTS, BRINGS | {"grants": [GRANT], "first_party": True}), tmp_path)


def test_the_entries_of_the_how_to_are_good(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/how-to/phones.md").read_text("utf-8")
    entries = page.partition("```yaml\n")[2].partition("```")[0]
    google = f"  google:\n    type: google\n    client_id: '123'\n    client_secret: {SECRET}\n"
    text = "version: 1\nissuer: https://id.example.com\n" + entries.replace("  google:\n", google, 1)
    (client,) = build_clients(read(text, tmp_path).config).values()
    assert (client.public, client.accept_posted) == (True, ("google",))


@pytest.mark.parametrize("kind", BUILTIN)
def test_settings_and_type_agree_on_what_can_be_proved(kind: str) -> None:
    found = provider_types([kind])[kind]
    assert found.Settings.posted == getattr(found, "posted", frozenset())
