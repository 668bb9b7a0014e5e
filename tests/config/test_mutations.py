"""However a configuration is damaged, it is good or it is refused in plain lines; nothing else ever happens."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker.cli.common import resolve as resolve_builtin
from broker.config.load import load_text
from broker.config.model import Config
from broker.config.source import parse
from broker.core.errors import ConfigError
from tests.config.minimal import MINIMAL, SECRET, resolve

SHIPPED = (Path(__file__).parents[2] / "config.yaml").read_text("utf-8")
LINE = re.compile(r"config\.yaml:\d+:\d+: .+", re.DOTALL)
WORDS = """
~ [] {} -1 1e999 0x10 true no '' *x !!str ${ ${X} ${file:/} ${file:/dev/zero} ${credential:x} %YAML --- ... \\ '
http://[::1 https://a:99999 1.2.3.4/99 sha256: "\\x << ? - | > \U0001f600
"""
PARTS = ("", "&x y", "|\n  x", "\t", "\x00", "\ud7ff", "\u2028", "[" * 50, "<<: *x", "%YAML 1.1\n---", "9" * 400, "- ")
NASTY = st.sampled_from((*WORDS.split(), *PARTS))


def outcome(text: str, base: Path) -> Config | None:
    """The configuration, or None when it was refused as it should be; anything else fails the test."""
    kinds = resolve if "\nissuer: https" in text else resolve_builtin
    problems: list[str] = []
    try:
        config = load_text(text, "config.yaml", kinds, environ={}, base=base).config
    except ConfigError as error:
        problems = error.problems
    else:
        assert config.clients
        assert config.providers
        return config
    assert problems
    assert [line for line in problems if not LINE.fullmatch(line) or SECRET in line] == []
    return None


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**31), st.integers(0, 60), NASTY | st.text(max_size=12))
def test_j7_a_spliced_configuration_starts_or_is_refused(tmp_path: Path, at: int, cut: int, put: str) -> None:
    for text in (MINIMAL, SHIPPED):
        place = at % len(text)
        outcome(text[:place] + put + text[place + cut :], tmp_path)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**31), NASTY)
def test_j7_a_configuration_with_one_other_value_starts_or_is_refused(tmp_path: Path, which: int, put: str) -> None:
    for text in (MINIMAL, SHIPPED):
        values = list(re.finditer(r"(?m)(?<=: )[^\s#][^\n#]*", text))
        found = values[which % len(values)]
        outcome(text[: found.start()] + put + text[found.end() :], tmp_path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**31), st.integers(0, 2**31))
def test_j7_a_configuration_with_lines_swapped_starts_or_is_refused(tmp_path: Path, one: int, other: int) -> None:
    for text in (MINIMAL, SHIPPED):
        lines = text.splitlines(keepends=True)
        a, b = one % len(lines), other % len(lines)
        lines[a], lines[b] = lines[b], lines[a]
        outcome("".join(lines), tmp_path)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    problems = ["read"]
    try:
        parse(text, "config.yaml")
    except ConfigError as error:
        problems = error.problems
    assert problems
