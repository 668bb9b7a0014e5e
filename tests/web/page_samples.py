"""Every page filled with a text of the test's choice, and a reader of what came out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

from starlette.responses import HTMLResponse

from broker.web.pages.pages import Pages
from broker.web.pages.samples import sample_views
from broker.web.pages.samples.answers import make_error
from broker.web.pages.samples.login import make_login
from broker.web.pages.samples.parts import BACK, PERSON, make_client, make_person, make_stranger
from broker.web.pages.samples.questions import make_consent, make_device
from broker.web.pages.templates import BUILT_IN
from broker.web.pages.views import Look

__all__ = [
    "BACK",
    "PERSON",
    "make_client",
    "make_consent",
    "make_device",
    "make_error",
    "make_login",
    "make_person",
    "make_stranger",
]

LOCALES = ("en", "ru")
ERROR_PAGES = tuple(sorted(path.stem for path in (BUILT_IN / "error").glob("*.html")))
PLAIN_LOOK = Look(
    {"en": "Example ID", "ru": "Пример ID"},
    support="https://help.example.com/",
    privacy="https://example.com/privacy",
    terms="https://example.com/terms",
)
_VOID = frozenset({"meta", "link", "img", "input", "br", "hr", "source"})


@dataclass
class Outline(HTMLParser):
    """Every start tag with its attributes, the text, and what is wrong with the nesting."""

    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    _open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        self.wrong += [f"twice {name} on {tag}" for name in set(names) if names.count(name) > 1]
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.wrong.append(f"{tag} closes itself")

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.wrong.append(f"{tag} is closed out of turn")

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] not in {"script", "style"}:
            self.words.append(data)

    @property
    def text(self) -> str:
        """The words, with white space as a browser shows it."""
        return " ".join("".join(self.words).split())

    def found(self, tag: str) -> list[dict[str, str]]:
        """The attributes of every element of this name."""
        return [attrs for name, attrs in self.tags if name == tag]

    def by_id(self, id_: str) -> dict[str, str]:
        """The attributes of the one element with this id."""
        (attrs,) = (attrs for _, attrs in self.tags if attrs.get("id") == id_)
        return attrs


def read(answer: HTMLResponse) -> Outline:
    """What a browser would see."""
    outline = Outline()
    outline.feed(bytes(answer.body).decode())
    outline.close()
    return outline


def make_pages(look: Look = PLAIN_LOOK, override: Path | None = None, told: dict[str, str] | None = None) -> Pages:
    """Pages whose nonce is always the same; `told` becomes what is said of each page that fails."""
    heard = {} if told is None else told
    return Pages(look, override=override, randomness=lambda size: b"n" * size, tell=heard.__setitem__)


def every_page(pages: Pages, locale: str, text: str = "") -> Iterator[tuple[str, HTMLResponse]]:
    """Each page under a name, filled with `text` when given."""
    for name, view in sample_views(ERROR_PAGES, text):
        yield name, pages.show(view, locale)
