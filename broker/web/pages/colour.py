"""Colours that stay readable whatever accent an operator chooses (WCAG 2.2, 1.4.3 and 1.4.11)."""

from __future__ import annotations

import re

from broker.upstream.brand import Shade

TEXT_CONTRAST = 4.5  # WCAG 2.2, 1.4.3
_HEX = re.compile(r"#[0-9a-fA-F]{6}")
_STEPS = 40
_NEARLY = 3.3  # below this white text would need a ground that is no longer the owner's colour


def _channels(colour: str) -> tuple[int, int, int]:
    if not _HEX.fullmatch(colour):
        raise ValueError("a colour is written #rrggbb")
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb`, 0 to 1 (WCAG 2.2, definition of relative luminance)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in _channels(colour))]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21 (WCAG 2.2, definition of contrast ratio)."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def text_on(ground: str) -> str:
    """White or black, whichever reads better on `ground`; one of them always reaches 4.5."""
    return max("#ffffff", "#000000", key=lambda text: contrast(text, ground))


def readable(colour: str, grounds: tuple[str, ...], *, minimum: float = TEXT_CONTRAST) -> str:
    """The nearest mix of `colour` with white or black that has `minimum` contrast on every ground."""
    target = text_on(grounds[0])
    for step in range(_STEPS + 1):
        mixed = _mix(colour, target, step / _STEPS)
        if all(contrast(mixed, ground) >= minimum for ground in grounds):
            return mixed
    return target


def button_colours(brand: str) -> tuple[str, str]:
    """(ground, text) of a button in an owner's colour: white text where a little darkening allows it."""
    if contrast("#ffffff", brand) >= _NEARLY:
        return readable(brand, ("#ffffff",)), "#ffffff"
    return brand, text_on(brand)


def dressed(shade: Shade) -> tuple[str, str, str]:
    """(ground, text, border) of a button; another text where its own could not be read."""
    ground, text = (shade.ground, shade.text) if shade.text else button_colours(shade.ground)
    return ground, text if contrast(text, ground) >= TEXT_CONTRAST else text_on(ground), shade.border or ground


def _mix(one: str, other: str, share: float) -> str:
    mixed = (round(a + (b - a) * share) for a, b in zip(_channels(one), _channels(other), strict=True))
    return "#{:02x}{:02x}{:02x}".format(*mixed)
