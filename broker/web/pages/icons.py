"""Which file of an icon a page shows on which ground, and how filled buttons are coloured."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from broker.upstream.brand import Brand, Glyph, Shade
from broker.web.pages.assets import Assets
from broker.web.pages.colour import dressed
from broker.web.pages.views import Button, Look

_CSS_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_\-]*")
_DARK = "(prefers-color-scheme: dark)"
_FORCED = "(forced-colors: active)"  # grounds are the system's, so glyphs are as without a brand


class Shown(NamedTuple):
    """An icon: `href`, and what is shown instead under the first media query of `others` that holds."""

    href: str
    others: tuple[tuple[str, str], ...] = ()


class Dress(NamedTuple):
    """The colours of one button, for the pages of a `media` query, "" for all."""

    provider: str
    ground: str
    text: str
    border: str
    media: str


@dataclass(frozen=True, slots=True)
class Icons:
    """The icons of one broker. `theme: auto` leaves it to the visitor's system which of two files is shown."""

    assets: Assets
    look: Look

    def shown(self, kind: str, brand: Brand | None = None) -> Shown:
        """The icon that `kind` names, on a page; or on a filled button of this `brand`, where they are filled."""
        plain, dark = self.assets.icon(kind), self.assets.icon(kind, Glyph.DARK)
        if brand is None or self.look.button_style != "brand":
            return self._by_scheme(plain, dark)
        filled = self._by_scheme(*[self.assets.icon(kind, shade.glyph) for shade in (brand.light, brand.on_dark)])
        forced = ((f"{_FORCED} and {_DARK}", dark), (_FORCED, plain))
        return _without_idle(Shown(filled.href, forced + filled.others))

    def dress(self, buttons: Sequence[Button]) -> Iterator[Dress]:
        """The colours of filled buttons, as far as their providers can be named in a style sheet."""
        for button in buttons:
            if _CSS_NAME.fullmatch(button.provider):
                brand = button.brand
                first = brand.on_dark if self.look.theme == "dark" else brand.light
                yield _dress(button, first, "")
                if self.look.theme == "auto" and brand.on_dark != brand.light:
                    yield _dress(button, brand.on_dark, _DARK)

    def _by_scheme(self, light: str, dark: str) -> Shown:
        if self.look.theme == "auto":
            return _without_idle(Shown(light, ((_DARK, dark),)))
        return Shown(dark if self.look.theme == "dark" else light)


def _without_idle(shown: Shown) -> Shown:
    """Without queries at the end that lead to what is shown anyway."""
    others = list(shown.others)
    while others and others[-1][1] == shown.href:
        others.pop()
    return Shown(shown.href, tuple(others))


def _dress(button: Button, shade: Shade, media: str) -> Dress:
    return Dress(button.provider, *dressed(shade), media)
