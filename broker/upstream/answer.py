"""What an upstream answered, and whether it is an answer at all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from broker.core.errors import UpstreamInvalid, UpstreamRejected, UpstreamUnavailable
from broker.upstream.fields import Fields
from broker.upstream.strict_json import parse_json

_ERROR_NAME = re.compile(r"[A-Za-z0-9_.\- ]{1,64}")
_ON_THIS_MACHINE = re.compile(r"http://(?:(?:[a-z0-9\-]+\.)*localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?(?:/|$)")
_MAX_AGE = re.compile(r"(?:^|[\s,])max-age=(\d{1,9})(?:$|[\s,])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers and decoded body of one answer; `what` names the call in errors, without host and query."""

    what: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    def value(self) -> Any:
        """The JSON value of a 2xx answer without an error member.

        Raises UpstreamUnavailable for 5xx and 429; UpstreamRejected for other statuses and for an object with an
        `error` or `error_code`, whatever the status: several upstreams refuse with 200; UpstreamInvalid for no JSON.
        """
        check_available(self.what, self.status)
        if not 200 <= self.status < 300:
            raise UpstreamRejected(f"{self.what}: status {self.status}", error=self._error_of_refusal())
        value = parse_json(self.body, self.what)
        error = error_name(value)
        if error is not None:
            raise UpstreamRejected(f"{self.what}: {error}", error=error)
        return value

    def fields(self) -> Fields:
        """The JSON object; errors as `value`, and UpstreamInvalid for any other JSON."""
        value = self.value()
        if not isinstance(value, dict):
            raise UpstreamInvalid(f"{self.what}: not a JSON object")
        return Fields(value, self.what)

    def cacheable_fields(self) -> tuple[Fields, int | None]:
        """The JSON object and the seconds of `max-age`, None where it is not said."""
        found = _MAX_AGE.search(self.headers.get("Cache-Control", ""))
        return self.fields(), int(found[1]) if found else None

    def _error_of_refusal(self) -> str:
        try:
            return error_name(parse_json(self.body, self.what)) or ""
        except UpstreamInvalid:
            return ""  # a refusal needs no particular body: the status has said it


def check_available(what: str, status: int) -> None:
    """Raise UpstreamUnavailable for a status that says "not now": 5xx and 429."""
    if status >= 500 or status == 429:
        raise UpstreamUnavailable(f"{what}: status {status}")


def error_name(value: object) -> str | None:
    """The error code of a JSON answer, None where there is none; only short plain names get through to the log."""
    if not isinstance(value, dict):
        return None
    given = value.get("error", value.get("error_code"))
    if given is None:
        given = value.get("error_code")
    if given is None:
        return None
    name = str(given) if isinstance(given, (str, int)) else ""
    return name if _ERROR_NAME.fullmatch(name) else "unreadable"


def operation(url: str) -> str:
    """A URL as events name it: its path. Host and query are left out, for there tokens travel."""
    return urlsplit(url).path or "/"


def rebase(url: str, base: str | None) -> str:
    """`url` with scheme and host of `base`, where one is set; raises UpstreamInvalid for anything but https.

    On this machine http will do, for an issuer that runs beside the broker.
    """
    if not url.startswith("https://") and _ON_THIS_MACHINE.match(url) is None:
        raise UpstreamInvalid(f"{operation(url)}: not an https URL")
    if base is None:
        return url
    _, slash, path = url.partition("://")[2].partition("/")
    return f"{base}{slash}{path}"
