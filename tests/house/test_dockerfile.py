"""What the container image promises, read from its Dockerfile: no registry is needed to check it."""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def instructions() -> list[tuple[str, str]]:
    """(instruction, argument) in order, continuation lines joined, comments left out."""
    lines = "\n".join(line for line in TEXT.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", "", lines)
    return [
        (word.upper(), rest.strip()) for word, _, rest in (line.partition(" ") for line in joined.splitlines()) if word
    ]


def stages() -> list[list[tuple[str, str]]]:
    """The instructions of each stage; what stands before the first FROM belongs to none."""
    found: list[list[tuple[str, str]]] = []
    for word, rest in instructions():
        if word == "FROM":
            found.append([])
        if found:
            found[-1].append((word, rest))
    return found


def last(word: str) -> str:
    """The argument of the last such instruction of the final stage, the one that counts."""
    return [rest for name, rest in stages()[-1] if name == word][-1]


def test_two_stages_share_one_base_because_the_environment_links_to_its_interpreter() -> None:
    bases = [stage[0][1].split()[0] for stage in stages()]
    assert len(bases) == 2
    assert len(set(bases)) == 1
    assert "latest" not in bases[0]


def test_the_broker_runs_as_a_fixed_user_without_privileges() -> None:
    assert last("USER") == "10001:10001"
    after = [name for name, _ in stages()[-1]]
    assert "RUN" not in after[after.index("USER") :]
    assert not re.search(r"\b(sudo|setuid|chmod \+?[0-7]*7)\b", TEXT)


def test_only_the_data_directory_is_writable() -> None:
    assert json.loads(last("VOLUME")) == ["/var/lib/broker"]
    assert re.search(r"install -d -o 10001 -g 10001 -m 0700 /var/lib/broker", TEXT)
    assert not any(name == "RUN" and "/app" in rest and "chown" in rest for name, rest in stages()[-1])


def test_signals_reach_the_broker_itself() -> None:
    assert json.loads(last("ENTRYPOINT")) == ["broker"]
    assert json.loads(last("CMD")) == ["serve"]
    assert last("STOPSIGNAL") == "SIGTERM"


def test_the_health_check_is_a_subcommand_of_our_own() -> None:
    check = last("HEALTHCHECK")
    assert json.loads(check[check.index("[") :]) == ["broker", "healthcheck"]
    assert not re.search(r"\b(curl|wget|nc)\b", TEXT)


def test_the_image_is_built_from_the_lock_alone() -> None:
    syncs = re.findall(r"uv sync[^\n]*", TEXT)
    assert len(syncs) == 2
    assert all("--locked" in sync and "--no-dev" in sync for sync in syncs)
    assert "--no-editable" in syncs[-1]
    assert "uv" not in {rest.split()[0] for name, rest in stages()[-1] if name == "RUN"}


def test_the_image_holds_no_secret_and_no_configuration() -> None:
    assert not re.search(r"(?i)\b(secret|password|token|private_key)\b\s*[=:]", TEXT)
    copied = [rest for name, rest in instructions() if name in {"COPY", "ADD"}]
    assert not [rest for rest in copied if re.search(r"^\. |config\.yaml|\.env|\.git\b|tests|\.db", rest)]
    assert not [name for name, _ in instructions() if name == "ADD"]


def test_the_build_context_admits_only_what_is_copied() -> None:
    rules = [
        line for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] not in {"#", ""}
    ]
    assert rules[0] == "*"
    admitted = {rule[1:] for rule in rules if rule.startswith("!")}
    copied = {
        source
        for name, rest in instructions()
        if name == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    }
    assert admitted == copied


def test_a_build_that_names_no_python_gets_a_supported_one() -> None:
    default = re.search(r"^ARG PYTHON=3\.(\d+)$", TEXT, re.MULTILINE)
    assert default
    assert int(default[1]) >= 11
