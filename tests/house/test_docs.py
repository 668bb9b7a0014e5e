"""Documentation that cannot go stale unnoticed: links, pictures, modules, events, errors, providers, commands, keys."""

from __future__ import annotations

import ast
import io
import re
import textwrap
import tokenize
from collections.abc import Iterator
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from broker.cli import main
from broker.config.model import Config
from broker.core.errors import BrokerError
from broker.core.events import Event
from providers import BUILTIN, PRESETS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md"), *ROOT.glob("deploy/**/*.md"), *ROOT.glob("benchmarks/*.md")])
LINK = re.compile(r"(?<!`)!?\[[^\]\n]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
CODE = sorted(path for top in ("broker", "providers", "tests", "benchmarks") for path in (ROOT / top).rglob("*.py"))
FILE = re.compile(r"(?<![\w./<{-])(?!broker_acme/)((?:[\w-]+/)+\w+\.py)\b")
DOTTED = re.compile(r"(?<![\w./@-])((?:broker|benchmarks)(?!\.(?:db|providers)\b)(?:\.[A-Za-z_]\w*)+)(?![\w@/-])")
"""A name in Python. `broker.db` is the database file, `broker.providers` the group of plugins' entry points,
`broker_acme` the plugin that the documentation writes."""
ADR = re.compile(
    r"\*\*Context\.\*\* .+\n\n\*\*Decision\.\*\* .+\n\n\*\*Price\.\*\* .+\n\n\*\*Revisit when\.?\*\* .+", re.DOTALL
)


def read(path: str | Path) -> str:
    """The text of a file of the tree."""
    return (ROOT / path).read_text(encoding="utf-8")


def headings(text: str) -> list[tuple[int, str]]:
    """(level, text) of every heading outside code."""
    return [(len(mark), title) for mark, title in re.findall(r"^(#{1,6}) +(.+?) *$", FENCE.sub("", text), re.MULTILINE)]


def anchors(path: Path) -> set[str]:
    """The fragments a code host gives to the headings of a page."""
    kept = (re.sub(r"[^\w\- ]", "", title.lower()) for _, title in headings(read(path)))
    return {title.replace(" ", "-") for title in kept}


def blocks(path: Path, language: str) -> Iterator[str]:
    """The fenced blocks of one language."""
    return (body for _, kind, body in FENCE.findall(read(path)) if kind == language)


def subclasses(kind: type[BrokerError]) -> Iterator[type[BrokerError]]:
    """A failure and everything below it."""
    yield kind
    for child in kind.__subclasses__():
        yield from subclasses(child)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere_and_every_picture_exists(page: Path) -> None:
    dead = []
    for target in LINK.findall(FENCE.sub("", read(page))):
        file, _, fragment = target.partition("#")
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        where = page if not file else (page.parent / file).resolve()
        if not where.exists() or (fragment and where.suffix == ".md" and fragment not in anchors(where)):
            dead.append(target)
    assert dead == []


def test_every_module_and_every_name_in_one_that_texts_speak_of_exists() -> None:
    gone = []
    for page in [*PAGES, *CODE]:
        text = prose(page) if page.suffix == ".py" else read(page)
        missing = [name for name in FILE.findall(read(page)) if not exists_as_file(name)]
        missing += [name for name in DOTTED.findall(text) if not resolves(name)]
        gone += [f"{page.relative_to(ROOT)}: {name}" for name in missing]
    assert gone == []


def test_every_place_that_contributors_are_sent_to_exists() -> None:
    places = re.findall(r"`((?:[\w-]+/)+[\w.-]*)`", read("CONTRIBUTING.md"))
    assert [place for place in places if not any((ROOT / top / place).exists() for top in ("", "broker"))] == []


def prose(path: Path) -> str:
    """The comments and docstrings of a module, and other texts that stand by themselves."""
    code = read(path)
    tokens = tokenize.generate_tokens(io.StringIO(code).readline)
    said = [token.string for token in tokens if token.type == tokenize.COMMENT]
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            said.append(node.value.value)
    return "\n".join(said)


def exists_as_file(name: str) -> bool:
    """Whether a file of ours has this path, or ends in it where only the end was said."""
    return any(str(path).endswith(f"/{name}") for path in CODE) or (ROOT / name).is_file()


def resolves(name: str) -> bool:
    """Whether it is a package or module, or something that one has."""
    module, rest = name, list[str]()
    while not (ROOT / module.replace(".", "/")).is_dir() and not (ROOT / f"{module.replace('.', '/')}.py").is_file():
        module, _, last = module.rpartition(".")
        rest.insert(0, last)
    found: object = import_module(module) if rest else None
    for part in rest:
        found = getattr(found, part, None)
        if found is None:
            return False
    return True


def test_every_provider_has_a_page_with_what_an_operator_must_enter() -> None:
    for kind in BUILTIN:
        page = read("docs/providers/presets.md" if kind in PRESETS else f"docs/providers/{kind}.md")
        for part in ("https://", f"/callback/{kind}", "client_id", "## Claims", "## Quirks", "read 20"):
            assert part in page, f"docs/providers/{kind}.md says nothing of {part}"


def test_every_event_is_described() -> None:
    page = read("docs/reference/events.md")
    assert [event.value for event in Event if f"`{event.value}`" not in page] == []


def test_every_page_and_every_error_code_is_described() -> None:
    page = read("docs/reference/errors.md")
    codes = {code for path in (ROOT / "broker").rglob("*.py") for code in re.findall(r'"(E-[A-Z]+)"', read(path))}
    codes |= {kind.code for kind in subclasses(BrokerError)}
    codes |= {template.stem for template in (ROOT / "templates/error").glob("E-*.html")}
    assert sorted(code for code in codes if code not in page) == []


def test_the_readmes_are_in_step() -> None:
    english, russian = read("README.md"), read("README.ru.md")
    assert [level for level, _ in headings(english)] == [level for level, _ in headings(russian)]
    assert [body for _, _, body in FENCE.findall(english)] == [body for _, _, body in FENCE.findall(russian)]
    shape = [[len(re.findall(r"^\|", text, re.MULTILINE)), len(LINK.findall(text))] for text in (english, russian)]
    assert shape[0] == shape[1]


def test_the_readme_shows_sentence_picture_and_commands_on_its_first_screen() -> None:
    first = "\n".join(read("README.md").splitlines()[:40])
    for part in ("docs/images/login-en.png", "make demo", "make test", "README.ru.md"):
        assert part in first


def test_decisions_have_a_number_each_and_fit_on_a_card() -> None:
    files = sorted(path for path in (DOCS / "adr").glob("[0-9]*.md"))
    numbers = [int(path.name[:4]) for path in files]
    assert len(set(numbers)) == len(numbers)  # two at once are written by two people, and may land in any order
    for path in files:
        text = read(path)
        assert text.startswith(f"# {int(path.name[:4])}. "), path.name
        assert ADR.search(text), f"{path.name}: Context, Decision, Price, Revisit when"
        assert text.count("\n") <= 24, path.name


def test_every_decision_is_listed() -> None:
    index = read("docs/adr/README.md")
    assert [path.name for path in (DOCS / "adr").glob("[0-9]*.md") if f"({path.name})" not in index] == []


def test_every_example_in_python_compiles() -> None:
    examples = [(page, code) for page in PAGES for _, kind, code in FENCE.findall(page.read_text()) if kind == "python"]
    assert len(examples) > 2
    for page, code in examples:
        compile(textwrap.dedent(code), str(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def test_every_page_is_reached_from_the_index() -> None:
    seen, queue = set(), [DOCS / "README.md"]
    while queue:
        page = queue.pop()
        seen.add(page)
        for target in LINK.findall(read(page)):
            found = (page.parent / target.partition("#")[0]).resolve()
            if found.suffix == ".md" and found.is_file() and found not in seen:
                queue.append(found)
    assert sorted(str(page.relative_to(ROOT)) for page in set(DOCS.rglob("*.md")) - seen) == []


def test_every_command_in_the_documentation_exists() -> None:
    assert isinstance(main, click.Group)
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))
    unknown = []
    for page in PAGES:
        code = "\n".join([body for _, _, body in FENCE.findall(read(page))] + re.findall(r"`([^`\n]+)`", read(page)))
        unknown += [
            f"{page.name}: make {name}"
            for name in re.findall(r"^make (\w+)", code, re.MULTILINE)
            if name not in targets
        ]
        for words in re.findall(r"^(?:\$ )?(?:\S*/)?broker((?: [a-z][a-z0-9-]*)+)", code, re.MULTILINE):
            if not exists(main, words.split()):
                unknown.append(f"{page.name}: broker{words}")
    assert unknown == []


def exists(group: click.Command, words: list[str]) -> bool:
    """Whether the words lead to a command; what follows a command is its business. A group may be one by itself."""
    if not isinstance(group, click.Group) or (group.invoke_without_command and not words):
        return True
    return bool(words) and words[0] in group.commands and exists(group.commands[words[0]], words[1:])


def test_every_configuration_key_in_the_documentation_exists() -> None:
    wrong = []
    for page in PAGES:
        for block in blocks(page, "yaml"):
            try:
                data = YAML(typ="safe").load(block)
            except YAMLError as problem:
                wrong.append(f"{page.name}: {problem}")
                continue
            if isinstance(data, dict) and set(data) <= set(Config.model_fields):
                wrong += [f"{page.name}: {key}" for key in unknown_keys(Config, data)]
    assert wrong == []


def unknown_keys(model: type[BaseModel], data: dict[str, Any], at: str = "") -> Iterator[str]:
    """Dotted names of the keys a section does not have; `providers` are checked by their own types."""
    for key, value in data.items():
        field = model.model_fields.get(key)
        if field is None:
            yield at + key
            continue
        inner = [part for part in parts(field.annotation) if isinstance(part, type) and issubclass(part, BaseModel)]
        below = (
            value.values()
            if key in {"clients", "providers", "rules", "webhooks"} and isinstance(value, dict)
            else [value]
        )
        for entry in below:
            if inner and isinstance(entry, dict):
                yield from unknown_keys(inner[0], entry, f"{at}{key}.")


def parts(annotation: object) -> Iterator[object]:
    """A type and everything it is composed of."""
    yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from parts(part)


def test_the_changelog_puts_security_first() -> None:
    order = ["Security", "Breaking", "Config", "Added", "Changed", "Fixed", "Removed"]
    text = read("CHANGELOG.md")
    assert re.search(r"^## \[?(Unreleased|\d+\.\d+\.\d+)", text, re.MULTILINE)
    for release in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        kinds = [order.index(kind) for kind in re.findall(r"^### (\w+)", release, re.MULTILINE)]
        assert all(before < after for before, after in pairwise(kinds)), release.splitlines()[0]


def test_every_event_that_is_documented_is_recorded_somewhere() -> None:
    apart = {ROOT / "broker/core/events.py", *(ROOT / "broker/observe").glob("catalogue/*.py")}
    code = "".join(read(path) for path in sorted((ROOT / "broker").rglob("*.py")) if path not in apart)
    assert [event.name for event in Event if not re.search(rf"\bEvent\.{event.name}\b", code)] == []
