"""`broker policy explain`: which cell a login falls into, and why."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from click.testing import CliRunner

from broker.cli import main
from broker.cli.policy import explain_cell
from broker.core.people.linking import Known, LinkingPolicy, LinkingRule, Vouched
from tests.cli.conftest import LIVE

TEXT = LIVE.format(issuer="https://id.example.com", listen="127.0.0.1:8080", management=9400)
TRUSTED = "linking: verified_email\n    trusted_domains: [example.com]"


def explain(folder: Path, setting: str, *words: str, provider: str = "google") -> tuple[int, str]:
    """Exit code, and what is printed."""
    path = folder / "config.yaml"
    path.write_text(TEXT.replace("type: google", f"type: google\n    {setting}"))
    command = ["policy", "explain", "--config", str(path), "--provider", provider, *words]
    done = CliRunner(env={"BROKER_CONFIG": None}).invoke(main, command)
    return done.exit_code, done.output


@pytest.mark.parametrize(
    ("setting", "words", "vouched", "outcome"),
    [
        ("linking: explicit", ["--known", "verified"], "verified", "new"),
        ("linking: confirm", [], "verified", "new"),
        ("linking: confirm", ["--known", "browser"], "verified", "offer"),
        ("linking: confirm", ["--known", "verified"], "verified", "offer"),
        ("linking: confirm", ["--known", "verified", "--unverified"], "unverified", "new"),
        (TRUSTED, ["--known", "verified"], "trusted", "prove"),
        (TRUSTED, ["--known", "unverified"], "trusted", "new"),
        (TRUSTED.replace("example.com", "other.test"), ["--known", "verified"], "verified", "offer"),
    ],
)
def test_it_prints_the_cell(tmp_path: Path, setting: str, words: list[str], vouched: str, outcome: str) -> None:
    code, out = explain(tmp_path, setting, "--email", "Ada@Example.com", *words)
    assert code == 0
    lines = out.splitlines()
    assert lines[1] == f"the upstream vouches: {vouched}"
    assert lines[3] == f"outcome: {outcome}"
    assert lines[4].endswith(".")


def test_an_address_that_is_none_counts_as_none(tmp_path: Path) -> None:
    code, out = explain(tmp_path, TRUSTED, "--email", "a@b@example.com", "--known", "verified")
    assert code == 0
    assert "not an address" in out
    assert "the upstream vouches: nothing\n" in out
    assert "outcome: new\n" in out


def test_without_an_address_it_prints_the_whole_table(tmp_path: Path) -> None:
    code, out = explain(tmp_path, TRUSTED)
    assert code == 0
    assert [line.split() for line in out.splitlines()[2:]] == [
        ["nothing", "new", "new", "offer", "new"],
        ["unverified", "new", "new", "offer", "new"],
        ["verified", "new", "new", "offer", "offer"],
        ["trusted", "new", "new", "offer", "prove"],
    ]


def test_a_provider_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    code, out = explain(tmp_path, "enabled: true", provider="gogle")
    assert code == 1
    assert out == "gogle: there is no such provider; there are google\n"


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ("linking: verified_email", "set both, or neither"),
        ("trusted_domains: [example.com]", "set both, or neither"),
        ("linking: verified_email\n    trusted_domains: [Example.com]", "in lower case"),
        ("linking: verified_email\n    trusted_domains: [münchen.example]", "as DNS has it"),
        ("linking: verified_email\n    trusted_domains: ['@example.com']", "as DNS has it"),
        ("linking: verified_email\n    trusted_domains: ['*.example.com']", "as DNS has it"),
        ("linking: always", "linking"),
    ],
)
def test_a_policy_that_cannot_be_meant_does_not_start(tmp_path: Path, setting: str, problem: str) -> None:
    code, out = explain(tmp_path, setting)
    assert code == 1
    assert problem in out


@pytest.mark.parametrize("cell", list(product(LinkingPolicy, Vouched, Known)), ids=str)
def test_every_cell_has_its_one_sentence(cell: tuple[LinkingPolicy, Vouched, Known]) -> None:
    policy, vouched, known = cell
    outcome, why = explain_cell(LinkingRule(policy), vouched, known)
    asks = "asks" in why or "names the ways" in why
    assert asks == (outcome.value != "new")
    assert why.endswith(".")
    assert "\n" not in why
