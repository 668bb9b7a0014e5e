"""How a mistake is shown: one line, its place in the file below it, no secret, nothing that only follows from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import BaseModel, SecretStr

from broker.cli.common import resolve as installed
from broker.config.load import load_text
from broker.core.errors import ConfigError
from tests.config.minimal import MINIMAL, SECRET, Read

Problems = Callable[..., list[str]]


@pytest.fixture
def shown(read: Read) -> Callable[..., list[str]]:
    def _shown(text: str) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            read(text)
        return caught.value.shown

    return _shown


def test_the_line_is_shown_with_a_caret_below_the_mistake(shown: Problems) -> None:
    (found,) = shown(MINIMAL + "tokens: {code_ttl: 60} # minutes?\n")
    assert found.splitlines()[1:] == [
        "    13 | tokens: {code_ttl: 60}",
        "                            ^",
    ]


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("client_secret:", "client_secrt:"),
        ("type: google", "type: gogle"),
        (f"client_secret: {SECRET}", f'client_secret: "{SECRET}" # {SECRET}\n    retries: x'),
        (f'client_id: "123"\n    client_secret: {SECRET}', f"mod: {{client_id: {SECRET}}}\n    client_id: x"),
        (f"client_secret: {SECRET}", f"client_secret: {SECRET}: {SECRET}"),
        (f"client_secret: {SECRET}", f"\tclient_secret: {SECRET}"),
        (f"client_secret: {SECRET}", f'client_secret: "{SECRET}'),
    ],
)
def test_no_excerpt_shows_what_may_be_a_secret(shown: Problems, was: str, becomes: str) -> None:
    found = "\n".join(shown(MINIMAL.replace(was, becomes)))
    assert "^" in found
    assert SECRET not in found


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (MINIMAL.replace("    type: google", "\ttype: google"), "a tab"),
        (MINIMAL.replace("    client_id", "   client_id"), "the indentation fits no line above"),
        (MINIMAL.replace("name: Shop", "name: Shop: the best"), "a second `: ` in one line; quote the value"),
        (MINIMAL.replace("name: Shop", 'name: "Shop'), "is never closed"),
        (MINIMAL.replace("[https://shop.example.com/cb]", "[https://shop.example.com/cb"), "is not closed"),
        (MINIMAL.replace("name: Shop", "name: #Shop"), "what follows # is a comment: quote it"),
    ],
)
def test_the_usual_slips_of_yaml_are_named(problems: Problems, text: str, hint: str) -> None:
    assert hint in "\n".join(problems(text))


def test_a_value_that_cannot_be_had_is_one_mistake(problems: Problems) -> None:
    assert problems(MINIMAL.replace(SECRET, "${ABSENT}")) == [
        "config.yaml:7:20: providers.google.client_secret: the environment variable ABSENT is not set"
    ]
    assert problems(MINIMAL.replace("https://id.example.com", "${ABSENT}")) == [
        "config.yaml:2:9: issuer: the environment variable ABSENT is not set"
    ]


def test_a_required_key_that_is_misspelt_is_one_mistake(problems: Problems) -> None:
    assert problems(MINIMAL.replace("client_secret:", "client_secrt:")) == [
        "config.yaml:7:5: providers.google.client_secrt: unknown key (did you mean client_secret?)"
    ]


def test_what_is_switched_off_may_wait_for_its_values_but_not_for_its_shape(read: Read, problems: Problems) -> None:
    off = MINIMAL.replace(
        "clients:", "  vk:\n    type: vk\n    enabled: false\n    client_id: x\n    client_secret: SOON\nclients:"
    )
    for secret in ("demo-secret-not-for-production", "${ABSENT}", "change-me"):
        config = read(off.replace("SOON", secret)).config
        assert config.providers["vk"].enabled is False
    assert problems(off.replace("SOON", "${ABSENT}").replace("type: vk", "type: vk\n    mod_: x")) == [
        "config.yaml:10:5: providers.vk.mod_: unknown key (did you mean mode?)"
    ]
    assert "type" in problems(off.replace("type: vk", "type: ${ABSENT}"))[0], "without a type it is no provider at all"
    assert (
        "vk"
        in problems(off.replace("  vk:\n    type: vk\n    enabled: false", "  vk:\n    enabled: false\n    type: ${"))[
            0
        ]
    )
    on = off.replace("enabled: false", "enabled: true")
    assert "is a secret of the demo" in problems(on.replace("SOON", "demo-secret-not-for-production"))[0]


def test_an_issuer_that_only_this_machine_reaches_is_no_address_to_go_live_with(read: Read, problems: Problems) -> None:
    for demo in ("http://id.localhost:8400", "http://localhost:8400", "http://127.0.0.1:8400"):
        (found,) = problems(MINIMAL.replace("https://id.example.com", demo))
        assert "issuer: is the demo's address" in found
    (warning,) = (
        line
        for line in read(MINIMAL.replace("https://id.example.com", "https://localhost:8443")).warnings
        if "issuer" in line
    )
    assert "only this machine can reach it" in warning


def test_a_pattern_is_explained_and_not_quoted(problems: Problems) -> None:
    (found,) = problems(MINIMAL.replace("[sha256:", "[sha512:"))
    assert "write sha256: and 64 hexadecimal digits" in found
    assert "write a colour" in problems(MINIMAL + "ui: {accent: blue}\n")[0]


def test_b24_two_issuers_in_one_namespace_are_refused_unless_told_that_the_people_are_the_same(tmp_path: Path) -> None:
    text = MINIMAL.replace(
        "clients:",
        f"  work:\n    type: oidc\n    issuer: https://sso.example.com/x\n    client_id: x\n"
        f"    client_secret: {SECRET}\n    namespace: google:123\nclients:",
    )

    def read(text: str) -> None:
        load_text(text, "config.yaml", installed, environ={}, base=tmp_path)

    with pytest.raises(ConfigError) as caught:
        read(text)
    assert [line.split(": ", 2)[1] for line in caught.value.problems] == ["providers.work.namespace"]
    assert "same_people: true" in caught.value.problems[0]
    read(text.replace("namespace: google:123", "namespace: google:123\n    same_people: true"))
    read(text.replace("    namespace: google:123\n", ""))


class Nested(BaseModel, extra="forbid", frozen=True):
    """Settings of a plugin that keeps a secret one level deeper."""

    type: str
    enabled: bool = True
    client_id: str
    signing: Signing


class Signing(BaseModel, extra="forbid", frozen=True):
    key: SecretStr


def test_a_placeholder_is_found_however_deep_a_plugin_keeps_its_secret(tmp_path: Path) -> None:
    text = MINIMAL.replace(f"client_secret: {SECRET}", "signing: {key: change-me}")
    with pytest.raises(ConfigError) as caught:
        load_text(text, "config.yaml", lambda kind: Nested, environ={}, base=tmp_path)
    assert [line.split(": ", 1)[1] for line in caught.value.problems] == [
        "providers.google.signing.key: is a placeholder, not a secret"
    ]
