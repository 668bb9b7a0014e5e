"""JSON of an upstream, read by name: a missing or wrong value is UpstreamInvalid, never a KeyError."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from broker.core.errors import UpstreamInvalid

_MAX_SAFE_DIGITS = 20


class Fields:
    """A JSON object of an upstream. Names in error texts, never values: an error text ends up in a log."""

    __slots__ = ("_data", "_what")

    def __init__(self, data: Mapping[str, Any], what: str = "answer") -> None:
        """`what` names the object in error texts."""
        self._data = data
        self._what = what

    def __repr__(self) -> str:
        """Names only, so that no token or address reaches a log by accident."""
        return f"Fields({self._what}: {', '.join(sorted(map(str, self._data)))})"

    def __contains__(self, name: str) -> bool:
        """Whether the member is present, even as null."""
        return name in self._data

    def __iter__(self) -> Iterator[str]:
        """The members' names."""
        return iter(self._data)

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
        """A text, or None where it is absent, null or empty; raises for any other type."""
        value = self._data.get(name)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            raise UpstreamInvalid(f"{self._what}: {name} is {type(value).__name__}, not text")
        return value

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

    def sub(self, name: str) -> Fields:
        """A nested object."""
        value = self._data.get(name)
        if not isinstance(value, dict):
            raise UpstreamInvalid(f"{self._what}: {name} is not an object")
        return Fields(value, f"{self._what}.{name}")


def build_claims(**claims: Any) -> dict[str, Any]:
    """Claims without the empty ones: None, "" and {} are left out, False stays."""
    return {name: value for name, value in claims.items() if value is not None and value not in ("", {})}


def contact(
    *, email: str | None, email_verified: bool, phone: str | None = None, phone_verified: bool = False
) -> dict[str, Any]:
    """E-mail and phone claims, each with its verified flag or not at all.

    The local part is kept as sent, the domain is compared in lower case; an address without exactly one @ between two
    texts is dropped, as is a phone that is not `+` and 7 to 15 digits (ITU-T E.164).
    """
    claims: dict[str, Any] = {}
    if email is not None and is_plain_email(email):
        local, _, domain = email.partition("@")
        claims |= {"email": f"{local}@{domain.lower()}", "email_verified": email_verified}
    if phone is not None:
        digits = phone.removeprefix("+")
        if digits.isascii() and digits.isdigit() and 7 <= len(digits) <= 15 and digits[0] != "0":
            claims |= {"phone_number": f"+{digits}", "phone_number_verified": phone_verified}
    return claims


def is_plain_email(text: str) -> bool:
    """Whether `text` is one unquoted address: one @, something on both sides, no white space or control character."""
    local, at, domain = text.partition("@")
    return (
        bool(local and at and domain)
        and "@" not in domain
        and '"' not in text
        and len(text) <= 254
        and not any(character.isspace() or ord(character) < 0x20 for character in text)
    )


def https_url(text: str | None) -> str | None:
    """`text` when it is an https URL of ordinary length without white space, else None: for pictures and profiles."""
    if text is None or not text.startswith("https://") or len(text) > 2048:
        return None
    return None if any(character.isspace() or ord(character) < 0x20 for character in text) else text
