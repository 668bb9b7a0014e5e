"""`broker icons`: whose the pictures on the buttons are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile, ZipFile, is_zipfile

import click

from broker.cli.common import config_option, fail, read_config

if TYPE_CHECKING:
    from broker.config.model import Config
    from broker.web.pages.pages import Pages


@click.group()
def icons() -> None:
    """The icons on the buttons of the login page."""


@icons.command()
@config_option
@click.option("--pack", "packs", multiple=True, metavar="FILE", help="Owners' files, a folder or a zip; repeatable.")
@click.option("--strict", is_flag=True, help="Placeholders count: exit code 2.")
def check(path: str, packs: tuple[str, ...], strict: bool) -> None:
    """Say of every provider that is switched on whose icon it shows.

    That may be yours (`providers.<name>.icon`, or a file of `ui.templates`), one that its type brings, a glyph of
    Simple Icons, or a placeholder: a plain drawing of ours. Ours are held against their digests. With --pack, an
    owner's own files, as you downloaded them, are recognised. Exit code 1: a file is no plain picture, or not what we
    shipped.
    """
    known = dict(_files_in(packs))
    config = read_config(path).config
    report = look_at_icons(config, open_pages(config, lambda template, reason: None), known, read_sources())
    for line in report.lines:
        click.echo(line)
    for line in report.faults:
        click.echo(f"error: {line}", err=True)
    if report.faults:
        raise SystemExit(1)
    raise SystemExit(2 if strict and report.placeholders else 0)


@dataclass(frozen=True, slots=True)
class Report:
    """What was found. `placeholders` are names of providers."""

    lines: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    placeholders: list[str] = field(default_factory=list)


def open_pages(config: Config, tell: Callable[[str, str], None]) -> Pages:
    """The pages as they will be shown, with what provider types bring."""
    from broker.assembly.public import build_pages
    from broker.registry import assets_of, provider_types

    types = provider_types(one.type for one in config.providers.values() if one.enabled).items()
    return build_pages(config, "", tell, {name: assets for name, kind in types if (assets := assets_of(kind))})


def placeholders(config: Config, pages: Pages) -> list[str]:
    """The providers that are switched on and show a plain drawing of ours."""
    return look_at_icons(config, pages, {}, read_sources()).placeholders


def look_at_icons(config: Config, pages: Pages, known: Mapping[str, str], told: Mapping[str, Any]) -> Report:
    """`known`: where files that owners give away lie, by SHA-256. `told`: what we know of ours."""
    from broker.assembly.providers import own_icon

    report = Report()
    for name, one in config.providers.items():
        if one.enabled:
            about = _Icon(name, one.type, own_icon(name) if one.icon else one.type, pages, told)
            about.look(report, known)
    return report


def read_sources() -> Mapping[str, Any]:
    """What our icons are made from, with digests."""
    from broker.web.pages.templates import BUILT_IN

    read: Mapping[str, Any] = json.loads((BUILT_IN / "static/icons/sources.json").read_text(encoding="utf-8"))
    return read


@dataclass(frozen=True, slots=True)
class _Icon:
    """The icon of one provider. `key` names it, `told` is what we know of ours."""

    name: str
    kind: str
    key: str
    pages: Pages
    told: Mapping[str, Any]

    def look(self, report: Report, known: Mapping[str, str]) -> None:
        """One line, and what is wrong with its files."""
        from broker.web.pages.assets import Source

        file, source = self.pages.icon_file(self.key)
        if source is Source.OURS and self.key not in self.told["glyphs"]:
            report.placeholders.append(self.name)
        report.faults.extend(f"providers.{self.name}: {fault}" for fault in self._faults(file, source is Source.OURS))
        digest = _sha256(self._body(file)) if file else ""
        whose = f"the owner's, {known[digest]}" if digest in known else self._whose(file, source, digest)
        report.lines.append(f"{self.name}: {whose}")

    def _whose(self, file: str, source: str, digest: str) -> str:
        if source != "ours":
            words = {"operator": "yours", "type": f"brought by the type {self.kind}", "none": "none, so a neutral one"}
            return f"{words[source]}{f', {file}, sha256 {digest}' if file else ''}"
        owner = self.told["guidelines"].get(self.kind, "")
        rules = f"; its owner's rules: {owner}" if owner else ""
        glyph = self.told["glyphs"].get(self.kind)
        if glyph is None:
            return f"PLACEHOLDER, a plain drawing of ours{rules}"
        made = self.told["set"]
        return f"{glyph['slug']} of {made['name']} {made['version']} ({made['licence']}){rules}"

    def _faults(self, file: str, ours: bool) -> Iterator[str]:
        from broker.config.icon_check import fault_of

        if not file:
            return
        stem, _, suffix = file.rpartition(".")
        for each in (file, f"{stem}.dark.{suffix}", f"{stem}.white.{suffix}"):
            body = self._body(each)
            if fault := fault_of(body, f".{suffix}") if body else "":
                yield f"static/{each} {fault}"
            if ours and body and _sha256(body) != self.told["files"].get(Path(each).name):
                yield f"static/{each} is not the file that we ship"

    def _body(self, file: str) -> bytes:
        found = self.pages.static(file)
        return found.body if found else b""


def _files_in(packs: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Where each file of these folders and archives lies, by SHA-256, as far as it could be an icon."""
    from broker.config.icon_check import MOST

    for pack in packs:
        if Path(pack).is_dir():
            files = (file for file in sorted(Path(pack).rglob("*")) if file.is_file() and file.stat().st_size <= MOST)
            yield from ((_sha256(file.read_bytes()), str(file)) for file in files)
        elif not is_zipfile(pack):
            fail([f"{pack}: is no folder and no zip file"])
        else:
            yield from _files_in_zip(pack, MOST)


def _files_in_zip(pack: str, most: int) -> Iterator[tuple[str, str]]:
    try:
        with ZipFile(pack) as archive:
            for member in archive.infolist():
                if not member.is_dir() and member.file_size <= most:
                    yield _sha256(archive.read(member)), f"{pack}: {member.filename}"
    except (BadZipFile, RuntimeError) as problem:  # RuntimeError: it wants a password
        fail([f"{pack}: {problem}"])


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
