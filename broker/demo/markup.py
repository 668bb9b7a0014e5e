"""What a visitor sees in a page: links, forms, elements by id, a meta refresh. The standard library's parser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

_VOID = frozenset({"input", "meta", "link", "br", "img", "hr", "area", "base", "col", "source", "track", "wbr"})


@dataclass(slots=True)
class Form:
    """One form. `fields` are the values it would send; `buttons` maps a submit button's id to its (name, value)."""

    id: str
    action: str
    method: str
    attributes: Mapping[str, str]
    fields: dict[str, str] = field(default_factory=dict)
    buttons: dict[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(slots=True)
class Markup:
    """The parts of an HTML page that a visitor can act on. URLs are absolute."""

    title: str = ""
    language: str = ""
    links: dict[str, str] = field(default_factory=dict)  # id -> target
    targets: list[str] = field(default_factory=list)  # every link's target, in order
    forms: list[Form] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)  # id -> text inside
    attributes: dict[str, dict[str, str]] = field(default_factory=dict)  # id -> attributes
    refresh: str = ""
    frames: list[str] = field(default_factory=list)
    scripts: list[dict[str, str]] = field(default_factory=list)  # attributes of every script element


def parse_markup(url: str, html: str) -> Markup:
    """The markup of the page at `url`."""
    reader = _Reader(url)
    reader.feed(html)
    reader.close()
    return reader.found


class _Reader(HTMLParser):
    def __init__(self, url: str) -> None:
        super().__init__(convert_charrefs=True)
        self.url = url
        self.found = Markup()
        self._open: list[tuple[str, str]] = []  # (tag, id) of every element not yet closed
        self._form: Form | None = None
        self._select: tuple[str, bool] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        identifier = given.get("id", "")
        if identifier:
            self.found.attributes[identifier] = given
            self.found.texts.setdefault(identifier, "")
        if tag not in _VOID:
            self._open.append((tag, identifier))
        handler = _HANDLERS.get(tag)
        if handler is not None:
            handler(self, given)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        if not any(name == tag for name, _ in self._open):
            return
        while self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        for tag, identifier in self._open:
            if identifier:
                self.found.texts[identifier] += data
            if tag == "title":
                self.found.title += data

    def on_html(self, given: dict[str, str]) -> None:
        self.found.language = given.get("lang", "")

    def on_a(self, given: dict[str, str]) -> None:
        target = urljoin(self.url, given.get("href", ""))
        self.found.targets.append(target)
        if given.get("id"):
            self.found.links[given["id"]] = target

    def on_form(self, given: dict[str, str]) -> None:
        action = urljoin(self.url, given.get("action", "")) if given.get("action") else self.url.partition("#")[0]
        self._form = Form(given.get("id", ""), action, given.get("method", "get").upper(), given)
        self.found.forms.append(self._form)

    def on_input(self, given: dict[str, str]) -> None:
        if self._form is None:
            return
        name, value, kind = given.get("name", ""), given.get("value", ""), given.get("type", "text")
        if kind in {"submit", "image"}:
            self._form.buttons[given.get("id", "")] = (name, value)
        elif kind in {"checkbox", "radio"}:
            if "checked" in given:
                self._form.fields[name] = value or "on"
        elif name:
            self._form.fields[name] = value

    def on_button(self, given: dict[str, str]) -> None:
        if self._form is not None and given.get("type", "submit") == "submit":
            self._form.buttons[given.get("id", "")] = (given.get("name", ""), given.get("value", ""))

    def on_select(self, given: dict[str, str]) -> None:
        self._select = (given.get("name", ""), False)

    def on_option(self, given: dict[str, str]) -> None:
        if self._form is None or self._select is None:
            return
        name, chosen = self._select
        if "selected" in given or not chosen:
            self._form.fields[name] = given.get("value", "")
            self._select = (name, True)

    def on_meta(self, given: dict[str, str]) -> None:
        if given.get("http-equiv", "").lower() == "refresh":
            _, _, target = given.get("content", "").partition("=")
            self.found.refresh = urljoin(self.url, target.strip().strip("'\""))

    def on_iframe(self, given: dict[str, str]) -> None:
        self.found.frames.append(urljoin(self.url, given.get("src", "")))

    def on_script(self, given: dict[str, str]) -> None:
        self.found.scripts.append(given)


_HANDLERS = {
    "html": _Reader.on_html,
    "a": _Reader.on_a,
    "form": _Reader.on_form,
    "input": _Reader.on_input,
    "button": _Reader.on_button,
    "select": _Reader.on_select,
    "option": _Reader.on_option,
    "meta": _Reader.on_meta,
    "iframe": _Reader.on_iframe,
    "script": _Reader.on_script,
}
