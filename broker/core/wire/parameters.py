"""Request parameters, read once: who sent what twice is known before anything is believed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, KeysView, Mapping
from urllib.parse import unquote_to_bytes

from broker.core.errors import InvalidRequest

MAX_FIELDS = 64
MAX_FIELD = 16 * 1024  # characters
_PLAIN = re.compile(r"[a-z_]{1,40}")  # a name that may be repeated in an answer (RFC 6749 section 5.2)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


MULTIPLE = "resource"  # the one parameter that may come more than once (RFC 8707 section 2)


class Parameters(Mapping[str, str]):
    """Parameters of one request by name (RFC 6749 section 3.1).

    `names` came with a value, `repeated` came more than once, with one or without.
    """

    __slots__ = ("_multiple", "_values", "names", "repeated")

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        """A parameter without a value counts as omitted (RFC 6749 section 3.1)."""
        self._values: dict[str, str] = {}
        multiple: list[str] = []
        seen: set[str] = set()
        repeated: set[str] = set()
        for name, value in pairs:
            # Twice is twice, with a value or without: another reader might pick the other one.
            (repeated if name in seen else seen).add(name)
            if value:
                self._values.setdefault(name, value)
                if name == MULTIPLE:
                    multiple.append(value)
        self._multiple = tuple(multiple)
        self.names: KeysView[str] = self._values.keys()
        self.repeated = frozenset(repeated - {MULTIPLE})

    def __getitem__(self, name: str) -> str:
        """The first value that is not empty."""
        return self._values[name]

    def __contains__(self, name: object) -> bool:
        """Whether it was sent with a value."""
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        """The names, in the order sent."""
        return iter(self._values)

    def __len__(self) -> int:
        """How many different names were sent."""
        return len(self._values)

    def __repr__(self) -> str:
        """Names only: values may be secrets."""
        return f"Parameters({', '.join(self._values)})"

    def text(self, name: str) -> str:
        """The value, or "" when it was not sent."""
        return self._values.get(name, "")

    def values_of(self, name: str) -> tuple[str, ...]:
        """Every value in the order sent; more than one only of `MULTIPLE`."""
        if name == MULTIPLE:
            return self._multiple
        return (self._values[name],) if name in self._values else ()

    def words(self, name: str) -> tuple[str, ...]:
        """A space-separated list without duplicates, in the order sent (RFC 6749 section 3.3)."""
        return tuple(dict.fromkeys([word for word in self._values.get(name, "").split(" ") if word]))

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
    """application/x-www-form-urlencoded, strictly: valid UTF-8, no control characters, bounded.

    Raises InvalidRequest; never guesses. `raw` is a query string or a body.
    """
    if not raw:
        return Parameters(())
    fields = _check_text(raw).split("&")
    if len(fields) > MAX_FIELDS:
        raise InvalidRequest(f"more than {MAX_FIELDS} parameters")
    return Parameters([_parse_field(field) for field in fields if field])


def _parse_field(field: str) -> tuple[str, str]:
    if len(field) > MAX_FIELD:
        raise InvalidRequest(f"a parameter is longer than {MAX_FIELD} characters")
    name, _, value = field.replace("+", " ").partition("=")
    return _decode(name) if "%" in name else name, _decode(value) if "%" in value else value


def _decode(text: str) -> str:
    return _check_text(unquote_to_bytes(text))


def _check_text(raw: bytes) -> str:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidRequest("a parameter is not valid UTF-8") from None
    if _CONTROL.search(text):
        raise InvalidRequest("a parameter holds a control character")
    return text
