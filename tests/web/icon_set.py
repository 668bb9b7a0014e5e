"""Icons made from Simple Icons: `python -m tests.web.icon_set simple-icons-16.37.0.tgz` writes them.

The package is https://registry.npmjs.org/simple-icons/-/simple-icons-16.37.0.tgz, held against its digest below. A path
of the set goes into our files letter by letter: colours and grounds are added, and nothing is drawn.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from broker.web.pages.templates import BUILT_IN

ICONS = BUILT_IN / "static" / "icons"
SOURCES = ICONS / "sources.json"
NAME, VERSION, LICENCE = "simple-icons", "16.37.0", "CC0-1.0"
SHA512 = (
    "f26089221a4c60e2fd835dc65b9f4488bdec5572674c428609364569e925f544"
    "37428d12c158e72da27cd9089a1fc04a05da2e103ceb1cc5c85a1f1c048cb8f0"
)

_CIRCLE = '<circle cx="12" cy="12" r="11.500" fill="#fff"/>'
_MIDDLE = '<path fill="#fff" d="M3 6h18v12H3z"/>'
_FOUR = (  # the owner's four colours, each behind its part of the letter
    '<g clip-path="url(#g)"><path fill="#fbbc05" d="M0 0h24v24H0z"/>'
    '<path fill="#ea4335" d="M-3 3.300 5.270 9.710 12.500 11H26V-2H-3z"/>'
    '<path fill="#34a853" d="M-3 20.700 5.270 14.290 12.500 13l3.580 5.100L26 25.800V28H-3z"/>'
    '<path fill="#4285f4" d="M12 10.500h14v15.300l-9.920-7.700L12 14.900z"/></g>'
)


@dataclass(frozen=True)
class Glyph:
    """How a glyph of the set, `slug`, becomes our files. `colour`: its owner's; `dark`: instead, on dark grounds.

    `under` is white behind what is cut out of it. `white`: there is a white one too. `around`: units of space, for
    glyphs without a shape of their own.
    """

    slug: str
    colour: str
    dark: str = ""
    under: str = ""
    white: bool = False
    around: int = 0


GLYPHS: Mapping[str, Glyph] = {
    "apple": Glyph("apple", "#000", dark="#fff", around=1),
    "discord": Glyph("discord", "#5865f2", white=True),
    "facebook": Glyph("facebook", "#0866ff", under=_CIRCLE, white=True),
    "github": Glyph("github", "#181717", dark="#fff"),
    "gitlab": Glyph("gitlab", "#fc6d26"),
    "google": Glyph("google", "", around=2),
    "instagram": Glyph("instagram", "#ff0069", white=True),
    "mailru": Glyph("maildotru", "#005ff9", white=True),
    "ok": Glyph("odnoklassniki", "#f70", white=True, around=1),
    "spotify": Glyph("spotify", "#1ed760"),
    "telegram": Glyph("telegram", "#26a5e4", under=_CIRCLE, white=True),
    "twitch": Glyph("twitch", "#9146ff", white=True),
    "vk": Glyph("vk", "#07f", under=_MIDDLE, white=True),
    "x": Glyph("x", "#000", dark="#fff", around=3),
}


def files_of(kind: str, glyph: Glyph, path: str) -> Iterator[tuple[str, str]]:
    """Names and texts of its files."""
    yield f"{kind}.svg", _drawn(glyph, path, glyph.colour, glyph.under)
    if glyph.dark:
        yield f"{kind}.dark.svg", _drawn(glyph, path, glyph.dark)
    if glyph.white:
        yield f"{kind}.white.svg", _drawn(glyph, path, "#fff")


def _drawn(glyph: Glyph, path: str, colour: str, under: str = "") -> str:
    box = f"{-glyph.around} {-glyph.around} {24 + 2 * glyph.around} {24 + 2 * glyph.around}"
    fill = "" if colour == "#000" else f' fill="{colour}"'
    inside = f'{under}<path{fill} d="{path}"/>' if colour else f'<clipPath id="g"><path d="{path}"/></clipPath>{_FOUR}'
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}">{inside}</svg>\n'


def path_of(svg: str) -> str:
    """The longest path in a file, which is the glyph's."""
    paths: list[str] = re.findall(r' d="([^"]+)"', svg)
    return max(paths, key=len)


def digest(text: str) -> str:
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def main(package: str = "") -> None:
    """Write every file of the set anew, and `sources.json`; without a package the digests of what is there."""
    told = json.loads(SOURCES.read_text(encoding="utf-8"))
    if package:
        _write_glyphs(Path(package), told)
    files = sorted(ICONS.glob("*.svg"))
    told["files"] = {file.name: digest(file.read_text(encoding="utf-8")) for file in files}
    SOURCES.write_text(json.dumps(told, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _write_glyphs(package: Path, told: dict[str, object]) -> None:
    if hashlib.sha512(package.read_bytes()).hexdigest() != SHA512:
        raise SystemExit(f"{package} is not {NAME} {VERSION}")
    told["set"] = {"name": NAME, "version": VERSION, "licence": LICENCE, "sha512": SHA512}
    glyphs = {}
    with tarfile.open(package) as archive:
        for kind, glyph in GLYPHS.items():
            member = archive.extractfile(f"package/icons/{glyph.slug}.svg")
            path = path_of(member.read().decode() if member else "")
            for name, text in files_of(kind, glyph, path):
                (ICONS / name).write_text(text, encoding="utf-8")
            glyphs[kind] = {"slug": glyph.slug, "path": digest(path)}
    told["glyphs"] = glyphs


if __name__ == "__main__":
    main(*sys.argv[1:2])
