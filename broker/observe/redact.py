"""Nothing secret reaches a log: by the name of a field, by the shape of a text, and by the configured secrets.

The last standing, not the first: events carry no secrets to begin with. Texts come from libraries and exceptions, and
those quote what they were given.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

HIDDEN = "[hidden]"
_HIDDEN_RAW = HIDDEN.encode()
TEXT_LIMIT = 4096  # characters of one value
_TELL_NOTHING = (int, float, type(None))  # and bool, which is an int
_SHORT = 256  # characters; the longest identifier there is has 255

# Identifiers, words of ours and numbers as text; long random-looking ids among them are no secrets.
SAFE = frozenset(
    {
        "event",
        "level",
        "ts",
        "request_id",
        "reference",
        "provider",
        "client_id",
        "sub",
        "absorbed",
        "by",
        "kid",
        "grant_id",
        "sid",
    }
    | {"outcome", "error", "error_code", "status_code", "kind", "route", "operation", "store", "limit", "algorithm"}
    | {"logger", "version", "audit"}
)
_NAME = (
    r"(?:code|state|nonce|token|secret|password|passwd|passphrase|pwd|assertion|verifier|cookie|authorization|auth"
    r"|credentials?|session|ticket|jwt|otp|sig|signature|hash|api[_-]?key|private[_-]?key|master|tgauthresult|initdata"
    r"|user_?code|device_id|payload|memo|login_hint|id_token_hint|handle)"
)
_SECRET_FIELD = re.compile(rf"(?i)(?:^|.*[_\-.]){_NAME}s?$")
# Every pattern is begun once in a run of its characters and cannot fail far from where it began, so that the time grows
# with the length alone: `++` gives nothing back, and a lookbehind keeps it from starting again inside.
_PAIR = re.compile(r"""(?i)(?<![\w\-])(?P<name>[\w\-]++)(?:=|%3D|["']\s*+[:=])\s*+b?["']?""")
_SECRET_NAME = re.compile(rf"(?i){_NAME}s?\Z")
_LONGEST_NAME = 24  # characters; none in the list is longer
_VALUE = re.compile(r"""(?!\[hidden\])[^\s&;,"'<>\])}]++""")
_SHAPES = re.compile(
    r"""(?ix)
    (?P<header>\b(?:proxy-)?(?:authorization|cookie|set-cookie)["']?\s*+[:=]\s*)[^\r\n]++
  | (?P<scheme>\b(?:bearer|basic|dpop|oauth)\s++)[A-Za-z0-9._~+/=\-]{6,}+
  | (?P<url>\b[a-z][a-z0-9+.\-]{0,15}://)[^/\s@"']{1,256}@
  | (?P<jwt>\beyJ[\w\-]{6,}+(?:\.[\w\-]*+){0,4})
  | (?P<mail>(?<![\w.+\-])[\w.+\-]++(?:@|%40)[\w\-]++(?:\.[\w\-]++)+)
  | (?P<phone>(?:\+|%2B)\d{10,15}\b)
    """
)
# A long word, taken whole: what it is, is asked once it is known, so that nothing is tried again inside it.
_WORD = re.compile(r"[A-Za-z0-9+/_\-]{20,}+={0,2}")
_BLOB = re.compile(r"[A-Za-z0-9_\-]{20,}+")
_SHORTEST = 6  # characters of a configured secret; a shorter one would blank out ordinary words
_FORMER = 100  # secrets that the configuration has no more; each one more costs every line a little
_BASE64 = 24  # characters before the padding


class Redactor:
    """Hides secrets in fields and texts. `secrets` are the configured ones, hidden wherever they turn up."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._in_force: tuple[str, ...] = ()
        self._aside: tuple[str, ...] = ()
        self._former: tuple[str, ...] = ()
        self.hide(secrets)
        self.follow()

    def hide(self, secrets: Iterable[str]) -> None:
        """Hide these as well: those of a configuration that has been read, and may come into force."""
        self._former = (*self._aside, *self._former)
        self._aside = tuple(dict.fromkeys(secret for secret in secrets if len(secret) >= _SHORTEST))
        self._sort()

    def follow(self) -> None:
        """It is in force. The newest of those that were before stay hidden: what leaks may be a former one."""
        self._former = (*self._in_force, *self._former)
        self._in_force, self._aside = self._aside, ()
        self._sort()

    def _sort(self) -> None:
        """The longest first. No pattern of them all: `re` keeps hundreds of those, secrets and all."""
        there = {*self._in_force, *self._aside}
        self._former = tuple(dict.fromkeys(one for one in self._former if one not in there))[:_FORMER]
        self._known = tuple(sorted({*there, *self._former}, key=len, reverse=True))
        self._known_raw = tuple(secret.encode() for secret in self._known)

    def fields(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The same fields, each value safe to print: text without secrets, numbers, booleans and None as they are."""
        return {
            name: value
            if isinstance(value, _TELL_NOTHING) or (name in SAFE and type(value) is str and len(value) <= _SHORT)
            else self._field(name, value)
            for name, value in fields.items()
        }

    def line(self, line: bytes) -> bytes:
        """A finished line, in which no configured secret stands under any name."""
        for secret in self._known_raw:
            line = line.replace(secret, _HIDDEN_RAW)
        return line

    def text(self, text: str) -> str:
        """A text by others without what looks like a secret, an address or a phone number, and not endlessly long."""
        if len(text) > TEXT_LIMIT:
            text = f"{text[:TEXT_LIMIT]}… ({len(text)} characters)"
        for secret in self._known:
            text = text.replace(secret, HIDDEN)
        return _WORD.sub(_hide_word, _SHAPES.sub(_hide, _hide_pairs(text)))

    def _field(self, name: str, value: Any) -> Any:
        if isinstance(value, _TELL_NOTHING):
            return value
        if name not in SAFE and _SECRET_FIELD.match(name):
            return HIDDEN
        if isinstance(value, Mapping):
            return {str(key): self._field(str(key), inner) for key, inner in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._field(name, inner) for inner in value]
        return self.text(value if isinstance(value, str) else str(value))


def _hide_pairs(text: str) -> str:
    """`code=…`, `"code": …`: what stands behind a secret's name."""
    parts, at = [], 0
    while pair := _PAIR.search(text, at):
        parts.append(text[at : pair.end()])
        at = pair.end()
        if _SECRET_NAME.search(pair["name"][-_LONGEST_NAME:]) and (value := _VALUE.match(text, at)):
            parts.append(HIDDEN)
            at = value.end()
    return "".join(parts) + text[at:]


def _hide(found: re.Match[str]) -> str:
    kind = found.lastgroup
    if kind == "url":
        return f"{found['url']}{HIDDEN}@"
    prefix = found[kind] if kind in {"header", "scheme"} else ""
    return f"{prefix}{HIDDEN}"


def _hide_word(found: re.Match[str]) -> str:
    text = found[0]
    word = text.rstrip("=")
    start = max(word.rfind("_"), word.rfind("-")) + 1
    if word != text and len(word) - start >= _BASE64:
        return _BLOB.sub(_hide_blob, word[:start]) + HIDDEN
    return _BLOB.sub(_hide_blob, text)


def _hide_blob(found: re.Match[str]) -> str:
    """A long word of letters alone is a name, of digits alone a number; what mixes them was made by a generator."""
    text = found[0]
    return HIDDEN if re.search(r"\d", text) and re.search(r"[A-Za-z]", text) else text
