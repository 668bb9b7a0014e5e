"""How a button of an upstream looks when it is filled: colours and glyph, as its owner's guidelines say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


class Glyph(StrEnum):
    """Which file of its icon stands on a ground: `icon.svg`, `icon.dark.svg` or `icon.white.svg`; the first where the
    other is missing."""

    PLAIN = ""
    DARK = "dark"  # its owner's version for dark grounds
    WHITE = "white"  # all of it in white


@dataclass(frozen=True, slots=True)
class Shade:
    """One button. Colours are `#rrggbb`; raises ValueError for others.

    `text`, where "", is white or black, whichever reads better, and `border` is the ground. A text that cannot be read
    on its ground (WCAG 2.2, 1.4.3) is not shown so: the page takes another.
    """

    ground: str
    text: str = ""
    border: str = ""
    glyph: Glyph = Glyph.PLAIN

    def __post_init__(self) -> None:
        for colour in (self.ground, self.text or self.ground, self.border or self.ground):
            if not _COLOUR.fullmatch(colour):
                raise ValueError("a colour is written #rrggbb")


@dataclass(frozen=True, slots=True)
class Brand:
    """The button on a light page and on a dark one, None: alike."""

    light: Shade
    dark: Shade | None = None

    @classmethod
    def of(cls, brand: str | Brand) -> Brand:
        """What a type says of itself, which may be its owner's colour alone; raises ValueError."""
        return brand if isinstance(brand, Brand) else cls(Shade(brand))

    @property
    def on_dark(self) -> Shade:
        """The button on a dark page."""
        return self.dark or self.light
