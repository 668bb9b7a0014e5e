"""Which language a page is in. A pure choice among the languages that are offered; unknown wishes are passed over."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

_TAG = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*")
_QUALITY = re.compile(r"[01](?:\.\d{0,3})?")
_LONGEST = 400  # characters of a header or parameter that are looked at; nobody speaks more languages than that
_RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur"})

LANGUAGE_NAMES = {"en": "English", "ru": "Русский"}
"""Every language under its own name, for the switch."""


def negotiate(
    offered: Sequence[str],
    default: str,
    *,
    ui_locales: str = "",
    cookie: str = "",
    accept_language: str = "",
    client_languages: Sequence[str] = (),
) -> str:
    """The language to use: the first offered one among what was wished, in this order.

    `ui_locales` of the request (OIDC Core 3.1.2.1), the language chosen earlier (`cookie`), what the browser asks for
    (`Accept-Language`, RFC 9110 section 12.5.4), the client's own languages, `default`. A client that names languages
    is shown in no other one, where any of them is offered. Tags are matched by lookup (RFC 4647 section 3.4).
    """
    allowed = [tag for tag in offered if tag in client_languages] or list(offered)
    asked = ui_locales[:_LONGEST].split()
    wishes = (*asked, cookie, *_accepted(accept_language), *client_languages, default)
    return _lookup(wishes, allowed) or (allowed[0] if allowed else default)


def pick(texts: Mapping[str, str], locale: str) -> str:
    """The text in this language, else in English, else in any."""
    return texts.get(locale) or texts.get("en") or next(iter(texts.values()), "")


def direction(locale: str) -> str:
    """`ltr` or `rtl`, for the `dir` attribute."""
    return "rtl" if locale.partition("-")[0] in _RIGHT_TO_LEFT else "ltr"


def _lookup(wished: Iterable[str], offered: Sequence[str]) -> str:
    known = {tag.lower(): tag for tag in offered}
    for wish in wished:
        tag = wish.lower() if _TAG.fullmatch(wish) else ""
        while tag:
            if tag in known:
                return known[tag]
            tag = tag.rpartition("-")[0]
    return ""


def _accepted(header: str) -> list[str]:
    """Language tags of an Accept-Language header, most wanted first; refused (`q=0`) and broken ones left out."""
    weighted = sorted(_weighted(header[:_LONGEST]), key=lambda pair: -pair[0])
    return [tag for quality, tag in weighted if quality > 0]


def _weighted(header: str) -> Iterator[tuple[float, str]]:
    for part in header.split(","):
        tag, _, parameter = part.partition(";")
        name, _, quality = parameter.strip().partition("=")
        if not parameter.strip():
            yield 1.0, tag.strip()
        elif name.strip().lower() == "q" and _QUALITY.fullmatch(quality.strip()):
            yield min(float(quality.strip()), 1.0), tag.strip()
