"""Whether a file may be the icon of a provider: small, a picture, and nothing but a picture."""

from __future__ import annotations

import re
from pathlib import Path
from xml.parsers.expat import ExpatError, ParserCreate

MOST = 32 * 1024  # bytes
SIDES = range(16, 1025)  # pixels
_PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
_SVG = "http://www.w3.org/2000/svg"
_ALIVE = frozenset({"script", "foreignobject", "handler", "listener", "iframe", "image", "feimage", "a"})
_INSIDE = re.compile(r"url\(\s*(['\"]?)#")
_URL = re.compile(r"url\(", re.IGNORECASE)


def find_fault(path: Path) -> str:
    """What is wrong with this file as an icon, "" where nothing is."""
    try:
        body = path.read_bytes()
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return fault_of(body, path.suffix.lower())


def fault_of(body: bytes, suffix: str) -> str:
    """The same of a file's content; `suffix` says what it is to be."""
    if suffix not in {".svg", ".png"}:
        return "an icon is an .svg or a .png file"
    if len(body) > MOST:
        return f"is larger than {MOST // 1024} KiB"
    return _svg_fault(body) if suffix == ".svg" else _png_fault(body)


def _png_fault(body: bytes) -> str:
    if not body.startswith(_PNG) or len(body) < len(_PNG) + 8:
        return "is no PNG file"
    wide, high = (int.from_bytes(body[start : start + 4], "big") for start in (len(_PNG), len(_PNG) + 4))
    if wide != high or wide not in SIDES:
        return f"is {wide} x {high} pixels; an icon is square, with {SIDES.start} to {SIDES.stop - 1} a side"
    return ""


class _Fault(Exception):
    """Why an SVG file is refused."""


def _svg_fault(body: bytes) -> str:
    """Pages show it by `img`, where nothing of it runs; opened by itself it would."""
    reader = _Reader()
    parser = ParserCreate(namespace_separator=" ")
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.ProcessingInstructionHandler = _refuse_instruction
    parser.StartElementHandler = reader.start
    parser.CharacterDataHandler = reader.text
    parser.buffer_text = True
    try:
        parser.Parse(body, True)
    except _Fault as fault:
        return str(fault)
    except (ExpatError, LookupError, ValueError):  # the latter two: an encoding that nobody knows
        return "is no SVG file: its XML is broken"
    return _style_fault(" ".join(reader.words))


class _Reader:
    """Looks at each element as it comes."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self._seen = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        space, _, local = name.rpartition(" ")
        if not self._seen and (space, local) != (_SVG, "svg"):
            raise _Fault(f'is no SVG file: its root is not <svg xmlns="{_SVG}">')
        self._seen = True
        if local.lower() in _ALIVE:
            raise _Fault(f"has an element <{local}>, which a drawing needs not")
        for full, value in attributes.items():
            _check_attribute(full.rpartition(" ")[2].lower(), value)

    def text(self, words: str) -> None:
        self.words.append(words)


def _check_attribute(name: str, value: str) -> None:
    if name.startswith("on"):
        raise _Fault(f"has a script in {name}")
    if name in {"href", "src"} and not value.startswith("#"):
        raise _Fault(f"refers to something outside of it in {name}")
    if fault := _style_fault(value):
        raise _Fault(fault)


def _style_fault(text: str) -> str:
    """Style sheets and properties may name parts of the file, by url(#...), and nothing else."""
    if "@import" in text.lower() or len(_URL.findall(text)) != len(_INSIDE.findall(text)):
        return "refers to something outside of it by url() or @import"
    # A back slash would spell the same words otherwise.
    return "has a back slash in a style" if "\\" in text else ""


def _refuse_doctype(*_about: object) -> None:
    raise _Fault("has a document type, which a drawing needs not")


def _refuse_instruction(*_about: object) -> None:
    raise _Fault("has a processing instruction, which a drawing needs not")
