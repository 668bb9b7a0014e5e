"""Style sheets, icons, scripts and logos, read once at start. A request never becomes a path on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from broker.upstream.brand import Glyph
from broker.web.pages.colour import readable, text_on
from broker.web.pages.views import Look

STATIC_HEADERS = MappingProxyType(
    {
        "cache-control": "public, max-age=86400",
        "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox",
        "cross-origin-resource-policy": "same-origin",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
    }
)
"""For every static file. The policy matters for a logo in SVG that somebody opens by itself: it runs no script."""

LIGHT_GROUNDS = ("#ffffff", "#f4f5f7")
DARK_GROUNDS = ("#1b1e24", "#101216")
"""--surface and --bg of base.css: what links and focus rings are seen on."""

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".ico": "image/x-icon",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
}


class Source(StrEnum):
    """Whose an icon is."""

    OPERATOR = "operator"  # of `ui.templates`, or `providers.<name>.icon`
    TYPE = "type"  # brought by a provider type of somebody else
    OURS = "ours"
    NONE = "none"  # no file: the neutral one is shown


class StaticFile(NamedTuple):
    """Bytes as they go out, with the strong ETag (RFC 9110 section 8.8.3), quotes included."""

    body: bytes
    content_type: str
    etag: str


class Assets:
    """The static files of one broker: the operator's before ours, `files` (name -> path) before both.

    `icons` (name -> path) are those of provider types of others, where there is such a file; they replace nothing.
    """

    def __init__(
        self, look: Look, places: tuple[Path, ...], files: Mapping[str, Path], icons: Mapping[str, Path]
    ) -> None:
        self._base = f"{look.base_path}/static"
        self._known: dict[str, StaticFile] = {}
        self._sources: dict[str, Source] = {}
        for name, path in icons.items():
            if path.is_file():
                self._add(name, path.read_bytes(), Source.TYPE)
        for place in reversed(places):
            root = place / "static"
            for path in sorted(root.rglob("*")):
                if path.suffix in _TYPES and path.is_file():
                    source = Source.OURS if place is places[-1] else Source.OPERATOR
                    self._add(path.relative_to(root).as_posix(), path.read_bytes(), source)
        for name, path in files.items():
            self._add(name, path.read_bytes(), Source.OPERATOR)
        self._add("look.css", look_css(look).encode(), Source.OURS)

    def get(self, name: str) -> StaticFile | None:
        """The file of this name, or None."""
        return self._known.get(name)

    def href(self, name: str) -> str:
        """Where pages link to: the name and a part of its digest, so that a changed file is fetched anew."""
        return f"{self._base}/{name}?v={self._known[name].etag[1:11]}"

    def icon(self, kind: str, glyph: Glyph = Glyph.PLAIN) -> str:
        """The file of the icon that `kind` names, a neutral one where there is none.

        As `glyph` where that is there and from the same hand: nobody's icon turns into another's on a dark page.
        """
        name = self._icon_name(kind) or "icons/generic.svg"
        other = f"icons/{kind}.{glyph}.svg"
        return self.href(other if glyph and self._sources.get(other) is self._sources[name] else name)

    def icon_file(self, kind: str) -> tuple[str, Source]:
        """The name of the plain file of an icon, and whose it is; "" where there is none."""
        name = self._icon_name(kind)
        return name, self._sources[name] if name else Source.NONE

    def _icon_name(self, kind: str) -> str:
        return next((name for name in (f"icons/{kind}.svg", f"icons/{kind}.png") if name in self._known), "")

    def _add(self, name: str, body: bytes, source: Source) -> None:
        suffix = Path(name).suffix
        if suffix not in _TYPES:
            raise ValueError(f"{name}: a static file ends in {', '.join(_TYPES)}")
        self._sources[name] = source
        self._known[name] = StaticFile(body, _TYPES[suffix], f'"{hashlib.sha256(body).hexdigest()[:32]}"')


def look_css(look: Look) -> str:
    """The operator's accent as custom properties, shifted for links where it would be hard to read."""
    light = f"--link: {readable(look.accent, LIGHT_GROUNDS)}"
    dark = f"--link: {readable(look.accent, DARK_GROUNDS)}"
    return (
        f":root {{ --accent: {look.accent}; --on-accent: {text_on(look.accent)}; {light} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root:not([data-theme=light]) {{ {dark} }} }}\n"
        f":root[data-theme=dark] {{ {dark} }}\n"
    )
