"""What people are called and how they are reached, as upstreams tell it: cleaned or left out before it gets further.

A name goes into tokens, databases, headers of proxies and pages, and whoever owns an account elsewhere may call
themselves what they like. An address or a number is never mended: a mended one would be somebody else's.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

_ATEXT = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}")  # RFC 5322 section 3.2.3, dots wherever people have them
_LDH = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")  # RFC 5890 section 2.3.1
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")  # ITU-T E.164
_UNSEEN = frozenset({"Cc", "Cf", "Co", "Cs"})
_LINES = re.compile(r"[\t-\r\x85\u2028\u2029]+")
_JOINERS = frozenset("\u200c\u200d")
_NAMES = ("name", "given_name", "family_name", "nickname", "preferred_username")
_TEXT_LIMIT = 2048  # characters of one claim; claims travel in tokens and cookies


def clean_text(text: str) -> str:
    """`text` without control and direction characters and other things that cannot be seen, on one line.

    What ends a line becomes a space. Joiners stay between letters, where Persian and Indic names need them.
    """
    if text.isprintable():
        return text.strip()
    line = _LINES.sub(" ", text)
    kept = (letter for place, letter in enumerate(line) if _may_stay(line, place))
    return "".join(kept).strip()


def clean_claims(value: Any) -> Any:
    """Every text in a claim's value cleaned; members that are or become empty, and texts too long, are left out."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        kept: dict[str, Any] = {}
        for name, inner in value.items():
            if isinstance(inner, str):
                cleaned = clean_text(inner) if len(inner) <= _TEXT_LIMIT else ""
            else:
                cleaned = clean_claims(inner) if isinstance(inner, dict | list | tuple) else inner
            if cleaned not in (None, "", {}):
                kept[name] = cleaned
        return kept
    if isinstance(value, list | tuple):
        return [inner for inner in map(clean_claims, value) if inner not in ("", {})]
    return value


def name_words(claims: Mapping[str, Any]) -> tuple[str, ...]:
    """The words of all names in the claims, folded, in their order; the first 24. What people are looked for by."""
    names = [claims.get(name) for name in _NAMES]
    return tuple(word for name in names if isinstance(name, str) for word in fold_words(name))[:24]


def fold_words(text: str) -> tuple[str, ...]:
    """Letters and digits between anything else, without regard to case or compatibility forms."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return tuple("".join(letter if letter.isalnum() else " " for letter in plain).split())


def plain_email(text: str) -> str | None:
    """The one unquoted address that `text` is, its domain in lower-case A-labels (RFC 5890); None for anything else.

    The local part is kept as sent and is ASCII.
    """
    local, _, name = text.partition("@")
    if len(text) > 254 or _ATEXT.fullmatch(local) is None:
        return None
    domain = plain_domain(name)
    found = f"{local}@{domain}"
    return found if domain is not None and len(found) <= 254 else None


def plain_domain(text: str) -> str | None:
    """The domain in lower-case A-labels (RFC 5890); None for anything else."""
    labels = [label if _LDH.fullmatch(label) else _a_label(label) for label in text.split(".")]
    return ".".join(labels) if all(labels) else None


def plain_phone(text: str) -> str | None:
    """`text` where it is a number in the form of ITU-T E.164, `+` included; None for anything else."""
    return text if _E164.fullmatch(text) else None


def _may_stay(text: str, place: int) -> bool:
    if text[place] in _JOINERS:
        around = text[max(place - 1, 0) : place], text[place + 1 : place + 2]
        return all(letter and unicodedata.category(letter)[0] in "LM" for letter in around)
    return unicodedata.category(text[place]) not in _UNSEEN


def _a_label(label: str) -> str:
    """The label as DNS has it, "" where it is none: what has a second spelling is not guessed at (RFC 5891)."""
    plain = label.lower()
    if not plain.isascii():
        odd = any(letter != "-" and unicodedata.category(letter)[0] not in "LMN" for letter in plain)
        if odd or unicodedata.normalize("NFKC", plain).casefold() != plain:
            return ""
        plain = f"xn--{plain.encode('punycode').decode('ascii')}"
    return plain if _LDH.fullmatch(plain) else ""
