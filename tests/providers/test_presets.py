"""What an operator writes counts before what a preset says, and whoever is wrong is told whose words they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from broker.cli.common import resolve
from broker.config.load import load_text
from broker.core.errors import ConfigError, UpstreamInvalid
from broker.registry import provider_types
from broker.testing.bench import FLOW, Case
from broker.upstream.preset import merged, preset_class, read_preset
from providers import PRESETS
from providers.oauth2 import OAuth2
from tests.providers.cases import load_cases

pytestmark = pytest.mark.anyio
FILES = Path(__file__).parents[2] / "providers/presets"
SECRET = "q7Jw0vXcT3mLzK9sYb2NfR8dGhE5uAiP"
HEAD = "version: 1\nissuer: https://id.example.com\nnetwork: {upstreams: real}\n"
_BUTTON = 'brand: { light: { ground: "#5865f2", glyph: white } }'
CLIENT = "clients: {shop: {name: S, redirect_uris: [https://shop.example.com/cb], auth_method: none}}\n"


def made(kind: str, **more: Any) -> Any:
    given = {"type": kind, "client_id": "1", "client_secret": SECRET, **more}
    return provider_types([kind])[kind].Settings.model_validate(given)


def problems(kind: str, options: str, tmp_path: Path) -> list[str]:
    own = f"type: {kind}, client_id: '1', client_secret: {SECRET}"
    text = f"{HEAD}providers:\n  mine: {{ {own}, {options} }}\n{CLIENT}"
    with pytest.raises(ConfigError) as caught:
        load_text(text, "config.yaml", resolve, environ={}, base=tmp_path)
    return [line.split(": ", 1)[1] for line in caught.value.problems]


def case(kind: str, number: int = 0, **settings: Any) -> Case:
    found = load_cases(kind)[number]
    return replace(found, data={**found.data, "settings": {**found.data["settings"], **settings}})


def test_there_are_the_five() -> None:
    assert PRESETS == ("discord", "gitlab", "slack", "spotify", "twitch")


@pytest.mark.parametrize("kind", PRESETS)
def test_an_id_and_a_secret_are_enough(kind: str) -> None:
    settings = made(kind)
    assert settings.identity_namespace().startswith(f"{kind}:https://")
    assert list(settings.unwise()) == [] if hasattr(settings, "unwise") else True


def test_mappings_are_put_together_lists_count_whole_and_null_takes_away() -> None:
    ours = {"a": {"b": 1, "c": {"d": 2}, "n": None}, "list": [1, 2], "whole": {"x": 1}}
    assert merged(ours, {"a": {"c": {"e": 3}}, "list": [3]}) == ours | {
        "a": {"b": 1, "c": {"d": 2, "e": 3}, "n": None},
        "list": [3],
    }
    assert merged(ours, {"a": {"b": None, "n": None}, "whole": None})["a"] == {"c": {"d": 2}, "n": None}
    assert merged(ours, {"whole": None})["whole"] is None, "a whole option: what `null` means there, its type says"


async def test_an_option_of_the_operators_counts_and_what_stands_beside_it_stays() -> None:
    changed = case("discord", authorize={"params": {"prompt": "none"}}, scopes=["identify"])
    async with changed.on_bench() as bench:
        step: Any = await bench.provider.begin(FLOW)
    asked = parse_qs(urlsplit(step.url).query)
    assert (asked["prompt"], asked["scope"], asked["code_challenge_method"]) == (["none"], ["identify"], ["S256"])
    assert (
        made("discord", authorize={"params": {"prompt": "none"}}).authorize.url
        == "https://discord.com/oauth2/authorize"
    )
    assert made("discord", token_check=None).token_check is None
    assert "locale" not in made("discord", claims={"locale": None}).claims


def test_a_server_of_ones_own_has_people_of_its_own() -> None:
    own = made("gitlab", issuer="https://git.example.com")
    assert own.identity_namespace() == "gitlab:https://git.example.com:1"
    assert made("gitlab").identity_namespace() == "gitlab:https://gitlab.com:1"


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        ("discord", "scops: [identify]", "providers.mine.scops: unknown key (did you mean scopes?)"),
        ("discord", "authorize: { uri: 'https://x.example' }", "providers.mine.authorize.uri: unknown key"),
        (
            "discord",
            "authorize: { pkce: sometimes }",
            "providers.mine.authorize.pkce: should be 'S256', 'plain' or 'off'",
        ),
        ("spotify", "accept_posted: [access_token]", "providers.mine.accept_posted: names a kind of which this type"),
        ("gitlab", "scopes: [profile]", "providers.mine.scopes: scopes are words, and openid is one of them"),
        (
            "slack",
            "keep_tokens: true",
            "know people by sub: leave subject_within out (subject_within: what the preset says",
        ),
        ("discord", "token_check: { kind: nonsense }", "providers.mine.token_check.kind: should be"),
    ],
)
def test_an_error_names_the_operators_key_or_says_that_it_is_the_presets(
    kind: str, options: str, said: str, tmp_path: Path
) -> None:
    (found,) = problems(kind, options, tmp_path)
    assert said in found
    assert ("what the preset says" in found) is (kind == "slack")


def test_no_secret_is_in_what_is_said(tmp_path: Path) -> None:
    assert SECRET not in "".join(problems("slack", "keep_tokens: true", tmp_path))


@pytest.mark.parametrize(
    "change",
    [
        ("like: oauth2", "like: oauth2\nmore: 1"),
        ("  scopes: [identify, email]", "  scops: [identify]"),
        ("    sub: me.id", "    sub: me.email"),
        (_BUTTON, "brand: blue"),
        (_BUTTON, "brand: { light: { ground: blue } }"),
        (_BUTTON, 'brand: { light: { ground: "#5865f2", glyph: round } }'),
        (_BUTTON, 'brand: { light: { ground: "#5865f2" }, contrast: { ground: "#5865f2" } }'),
    ],
    ids=lambda change: change[1].strip(),
)
def test_a_file_that_is_no_preset_makes_no_type(change: tuple[str, str], tmp_path: Path) -> None:
    text = (FILES / "discord.yaml").read_text("utf-8")
    file = tmp_path / "acme.yaml"
    file.write_text(text.replace(*change), "utf-8")
    assert change[0] in text
    with pytest.raises(ValueError, match="validation error"):
        preset_class(file, lambda _: OAuth2)


def test_a_preset_says_nothing_that_its_type_says_by_itself() -> None:
    for name in PRESETS:
        preset = read_preset(FILES / f"{name}.yaml")
        fields = resolve(preset.like).model_fields
        for option in preset.options:
            assert preset.options[option] != fields[option].get_default() or option == "scopes", f"{name}: {option}"


async def test_b12_an_id_of_slack_counts_within_its_workspace() -> None:
    found = []
    for team in ("T0R7GR", "T0OTHER"):
        async with case("slack").with_changes({"id_token https://slack.com/team_id": team}).on_bench() as bench:
            found.append((await bench.finish()).subject)
    assert found == ["U0R7MFMJM.T0R7GR", "U0R7MFMJM.T0OTHER"]
    odd: tuple[Any, ...] = ("$absent", "", "T.1", 7, None)
    for team in odd:
        async with case("slack").with_changes({"id_token https://slack.com/team_id": team}).on_bench() as bench:
            with pytest.raises(UpstreamInvalid):
                await bench.finish()


async def test_a_challenge_goes_out_where_the_document_lists_a_method() -> None:
    where = "answers /.well-known/openid-configuration code_challenge_methods_supported"
    async with case("slack").with_changes({where: ["S256"]}).on_bench() as bench:
        assert (await bench.begin())["code_challenge_method"] == "S256"
    async with case("slack").on_bench() as bench:
        assert "code_challenge" not in await bench.begin()


async def test_twitch_is_asked_for_each_claim_by_name() -> None:
    async with case("twitch").on_bench() as bench:
        asked = await bench.begin()
    assert (
        asked["claims"] == '{"id_token":{"email":null,"email_verified":null,"picture":null,"preferred_username":null}}'
    )


async def test_discord_proves_whose_application_a_posted_token_is_for() -> None:
    check = made("discord", accept_posted=["access_token"]).token_check
    assert (check.app_path, check.subject_path, check.auth) == ("application.id", "user.id", "bearer")
