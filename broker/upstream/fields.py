"""JSON of an upstream: parsed so that it has one meaning only (`broker.core.wire.strict_json`), and read by name.

A missing or wrong value is UpstreamInvalid, never a KeyError.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from hmac import compare_digest
from typing import Any

from broker.core.errors import UpstreamInvalid
from broker.core.events import Event, Recorder
from broker.core.wire import strict_json

_MAX_SAFE_DIGITS = 20
_DASHED = re.compile(r"(?:([0-9]{4})-)?([0-9]{2})-([0-9]{2})")
_DOTTED = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})(?:\.([0-9]{4}))?")
_GAP = re.compile(r"[\s\x00-\x1f]")


class Fields:
    """A JSON object of an upstream. Names in error texts, never values: an error text ends up in a log.

    What decides who somebody is, or whether, is read strictly (`text`, `decimal_id`, `integer`, `flag`, `sub`). What is
    only shown is read by `shown…`: nobody should be kept out by an odd picture.
    """

    __slots__ = ("_data", "_odd", "_what")

    def __init__(self, data: Mapping[str, Any], what: str = "answer", odd: Callable[[str], None] | None = None) -> None:
        """`what` names the object in error texts; `odd` is told the name of a member that could not be shown."""
        self._data = data
        self._what = what
        self._odd = odd

    def __repr__(self) -> str:
        """Names only, so that no token or address reaches a log by accident."""
        return f"Fields({self._what}: {', '.join(sorted(map(str, self._data)))})"

    def __contains__(self, name: str) -> bool:
        """Whether the member is present, even as null."""
        return name in self._data

    def __iter__(self) -> Iterator[str]:
        """The members' names."""
        return iter(self._data)

    @property
    def members(self) -> dict[str, Any]:
        """All of it, as parsed."""
        return dict(self._data)

    def raw(self, name: str) -> Any:
        """The member as parsed, or None."""
        return self._data.get(name)

    def text(self, name: str) -> str:
        """A non-empty text."""
        value = self._data.get(name)
        if not isinstance(value, str) or not value:
            raise UpstreamInvalid(f"{self._what}: {name} is missing, empty or not text")
        return value

    def maybe(self, name: str) -> str | None:
        """A text that decides something, or None where it is absent, null or empty; raises for any other type."""
        value = self._data.get(name)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            raise UpstreamInvalid(f"{self._what}: {name} is {type(value).__name__}, not text")
        return value

    def shown(self, name: str) -> str | None:
        """A text for people to see, or None where there is none; one of another type is counted and left out."""
        value = self._data.get(name)
        if isinstance(value, str) and value:
            return value
        self._left_out(name)
        return None

    def shown_number(self, name: str) -> int | None:
        """As `shown`, a whole number as `integer` reads it."""
        try:
            return self.integer(name)
        except UpstreamInvalid:
            self._left_out(name)
            return None

    def shown_object(self, name: str) -> Fields:
        """As `shown`, a nested object; empty where there is none."""
        value = self._data.get(name)
        if not isinstance(value, dict):
            self._left_out(name)
            value = {}
        return Fields(value, f"{self._what}.{name}", self._odd)

    def shown_document(self, name: str) -> Fields:
        """As `shown_object`, of one that is written as a JSON text."""
        try:
            value = parse_object(self.shown(name) or "{}", name)
        except UpstreamInvalid:
            self._left_out(name)
            value = {}
        return Fields(value, f"{self._what}.{name}", self._odd)

    def _left_out(self, name: str) -> None:
        if self._data.get(name) not in (None, "") and self._odd is not None:
            self._odd(name)

    def integer(self, name: str) -> int:
        """A whole number given as JSON integer or as decimal text."""
        value = self._data.get(name)
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _MAX_SAFE_DIGITS:
            return int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise UpstreamInvalid(f"{self._what}: {name} is not a whole number")
        return value

    def decimal_id(self, name: str) -> str:
        """A positive id as decimal text without sign, leading zero or exponent; integers are taken exactly."""
        value = self._data.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if (
            not isinstance(value, str)
            or not value.isascii()
            or not value.isdigit()
            or value[0] == "0"
            or len(value) > _MAX_SAFE_DIGITS
        ):
            raise UpstreamInvalid(f"{self._what}: {name} is not a positive decimal id")
        return value

    def flag(self, name: str) -> bool | None:
        """A JSON boolean, or None where it is absent or of any other type; "true" is not true."""
        value = self._data.get(name)
        return value if isinstance(value, bool) else None

    def affirmed(self, name: str) -> bool:
        """Whether it is true, or the text `true`, which several upstreams send in its place."""
        value = self._data.get(name)
        return value is True or value == "true"

    def maybe_integer(self, name: str) -> int | None:
        """As `integer`, None where the member is absent."""
        return self.integer(name) if name in self else None

    def sub(self, name: str) -> Fields:
        """A nested object."""
        value = self._data.get(name)
        if not isinstance(value, dict):
            raise UpstreamInvalid(f"{self._what}: {name} is not an object")
        return Fields(value, f"{self._what}.{name}", self._odd)


class SignedAnswer(Fields):
    """An answer that is a token itself (`application/jwt`): without any member until somebody has verified it."""

    __slots__ = ("unverified_token",)

    def __init__(self, unverified_token: str, what: str) -> None:
        """`what` names the answer in error texts."""
        super().__init__({}, what)
        self.unverified_token = unverified_token


def parse_json(raw: bytes | str, what: str) -> Any:
    """The value; raises UpstreamInvalid, naming `what`, for whatever two readers could understand differently."""
    try:
        return strict_json.parse_json(raw)
    except strict_json.Malformed as problem:
        # The text is left out: it may hold tokens, and an exception text ends up in a log.
        raise UpstreamInvalid(f"{what}: {problem}") from None


def parse_object(raw: bytes | str, what: str) -> dict[str, Any]:
    """The JSON object in `raw`; errors as `parse_json`."""
    value = parse_json(raw, what)
    if not isinstance(value, dict):
        raise UpstreamInvalid(f"{what}: not a JSON object")
    return value


def counting(recorder: Recorder, provider: str) -> Callable[[str], None]:
    """For `Fields`: records what this provider instance told in a form that cannot be shown, by the member's name."""
    return lambda claim: recorder.record(Event.UPSTREAM_ODD_CLAIM, provider=provider, claim=claim)


def contact(
    *, email: str | None = None, email_verified: bool = False, phone: str | None = None, phone_verified: bool = False
) -> dict[str, Any]:
    """E-mail and phone claims, each with its verified flag or not at all.

    `Identity` leaves out what is not one unquoted address, and a phone that is not `+` and 7 to 15 digits (ITU-T
    E.164): digits alone may be a number of any country, so only a type whose upstream documents them as international
    may use `international`.
    """
    claims: dict[str, Any] = {}
    if email:
        claims |= {"email": email, "email_verified": email_verified}
    if phone:
        claims |= {"phone_number": phone, "phone_number_verified": phone_verified}
    return claims


def international(digits: str | None) -> str | None:
    """A phone number of an upstream that documents country code and number without the `+`, with it; None stays."""
    return digits and f"+{digits.removeprefix('+')}"


def birthdate(year: str | None, month: str, day: str) -> str | None:
    """`birthdate` of OIDC Core 5.1 from digits: YYYY-MM-DD, 0000-MM-DD without the year, YYYY without the rest.

    Zeros stand for what is unknown; a month or day without the other, and what is no date, is left out.
    """
    known = f"{int(year or 0):04}"
    if 1 <= int(month) <= 12 and 1 <= int(day) <= 31:
        return f"{known}-{int(month):02}-{int(day):02}"
    return known if known != "0000" and 0 in {int(month), int(day)} else None


def dotted_date(text: str | None) -> str | None:
    """`birthdate` of a day as Russian services write it, `15.3.1990` or `15.03`; None for anything else."""
    found = _DOTTED.fullmatch(text or "")
    return birthdate(found[3], found[2], found[1]) if found else None


def dashed_date(text: str | None) -> str | None:
    """`birthdate` of a day as ISO 8601 has it, `1990-03-15` or `03-15`; None for anything else."""
    found = _DASHED.fullmatch(text or "")
    return birthdate(found[1], found[2], found[3]) if found else None


def hosted(email: str | None, domains: Iterable[str]) -> bool:
    """Whether the mailbox is of one of these domains: exactly, in upper or lower case."""
    return (email or "").rpartition("@")[2].lower() in {domain.lower() for domain in domains}


def person(
    name: str | None,
    given: str | None,
    family: str | None,
    *,
    nickname: str | None = None,
    username: str | None = None,
    picture: str | None = None,
) -> dict[str, Any]:
    """Name claims, without a whole name made of its parts, and the picture where it is an https URL."""
    whole = " ".join([part.strip() for part in (given, family) if part and part.strip()])
    return {
        "name": name or whole,
        "given_name": given,
        "family_name": family,
        "nickname": nickname,
        "preferred_username": username,
        "picture": https_url(picture),
    }


def same(left: str, right: str) -> bool:
    """Whether two secret texts are equal, in constant time for equal lengths."""
    return compare_digest(left.encode(errors="surrogatepass"), right.encode(errors="surrogatepass"))


def https_url(text: str | None) -> str | None:
    """`text` when it is an https URL of ordinary length without white space, else None: for pictures and profiles."""
    if text is None or not text.startswith("https://") or len(text) > 2048:
        return None
    return None if _GAP.search(text) else text
