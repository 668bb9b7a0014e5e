"""Request parameters, read once: who sent what twice is known before anything is believed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote_to_bytes

from broker.core.errors import InvalidRequest
from broker.core.wire.query import Sent

MAX_FIELDS = 64
MAX_FIELD = 16 * 1024  # characters
_PLAIN = re.compile(r"[a-z_]{1,40}")  # a name that may be repeated in an answer (RFC 6749 section 5.2)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
MULTIPLE = "resource"  # the one parameter that may come more than once (RFC 8707 section 2)


class Parameters(dict[str, str]):
    """Parameters of one request by name (RFC 6749 section 3.1): those with a value, the first one of each.

    `repeated` came more than once, with a value or without.
    """

    __slots__ = ("_multiple", "repeated")

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        """A parameter without a value counts as omitted (RFC 6749 section 3.1)."""
        super().__init__()
        multiple: list[str] = []
        seen: set[str] = set()
        repeated: set[str] = set()
        for name, value in pairs:
            # Twice is twice, with a value or without: another reader might pick the other one.
            (repeated if name in seen else seen).add(name)
            if value:
                self.setdefault(name, value)
                if name == MULTIPLE:
                    multiple.append(value)
        self._multiple = tuple(multiple)
        self.repeated = frozenset(repeated - {MULTIPLE})

    def __repr__(self) -> str:
        """Names only: values may be secrets."""
        return f"Parameters({', '.join(self)})"

    def values_of(self, name: str) -> tuple[str, ...]:
        """Every value in the order sent; more than one only of `MULTIPLE`."""
        if name == MULTIPLE:
            return self._multiple
        return (self[name],) if name in self else ()

    def again(self) -> Sent:
        """All of them, to be sent again."""
        return self | {MULTIPLE: self._multiple} if self._multiple else self

    def words(self, name: str) -> tuple[str, ...]:
        """A space-separated list without duplicates, in the order sent (RFC 6749 section 3.3)."""
        return tuple(dict.fromkeys([word for word in self.get(name, "").split(" ") if word]))

    def only(self, names: Iterable[str]) -> Parameters:
        """These alone, as if nothing else had been sent."""
        return Parameters((name, value) for name in names for value in self.values_of(name))

    def check_single(self, names: Iterable[str]) -> None:
        """Raise InvalidRequest when one of `names` was sent more than once."""
        for name in names:
            if name in self.repeated:
                shown = name if _PLAIN.fullmatch(name) else "a parameter"
                raise InvalidRequest(f"{shown} was sent more than once; send it once")


def parse_form(raw: bytes) -> Parameters:
    """What `parse_pairs` finds in a query string or a body, by name; raises InvalidRequest."""
    return Parameters(parse_pairs(raw))


def parse_pairs(raw: bytes) -> list[tuple[str, str]]:
    """application/x-www-form-urlencoded, strictly: valid UTF-8, no control characters, bounded; in the order sent.

    Raises InvalidRequest; never guesses.
    """
    if not raw:
        return []
    fields = _decode(raw).replace("+", " ").split("&")
    if len(fields) > MAX_FIELDS:
        raise InvalidRequest(f"more than {MAX_FIELDS} parameters")
    if len(max(fields, key=len)) > MAX_FIELD:
        raise InvalidRequest(f"a parameter is longer than {MAX_FIELD} characters")
    pairs = [field.partition("=") for field in fields if field]
    # Most of what a protocol sends is base64url, and holds no escapes at all.
    return [
        (_unescape(name) if "%" in name else name, _unescape(value) if "%" in value else value)
        for name, _, value in pairs
    ]


def read_members(found: Mapping[str, object]) -> Parameters:
    """The texts of a JSON object that was read, as bounded as a form; raises InvalidRequest."""
    texts = [(name, value) for name, value in found.items() if isinstance(value, str)]
    if len(texts) < len(found):
        raise InvalidRequest("every member of the body is a text")
    if len(texts) > MAX_FIELDS or any(len(value) > MAX_FIELD for _, value in texts):
        raise InvalidRequest(f"more than {MAX_FIELDS} members, or one is longer than {MAX_FIELD} characters")
    if any(_CONTROL.search(value) for _, value in texts):
        raise InvalidRequest("a member holds a control character")
    return Parameters(texts)


def _unescape(text: str) -> str:
    return _decode(unquote_to_bytes(text))


def _decode(raw: bytes) -> str:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidRequest("a parameter is not valid UTF-8") from None
    if _CONTROL.search(text):
        raise InvalidRequest("a parameter holds a control character")
    return text
