"""What an upstream answered, and whether it is an answer at all."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from broker.core.errors import UpstreamError, UpstreamInvalid, UpstreamRejected, UpstreamUnavailable
from broker.core.wire import strict_json
from broker.upstream.exchange import Answer
from broker.upstream.fields import Fields, SignedAnswer

NOT_NOW = frozenset({"temporarily_unavailable", "server_error", "slow_down"})
_SUCCESS = range(200, 300)
_ERROR_NAME = re.compile(r"[A-Za-z0-9_.\- ]{1,64}")
_SECONDS = re.compile(r"[0-9]{1,9}")
_ON_THIS_MACHINE = re.compile(r"http://(?:(?:[a-z0-9\-]+\.)*localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?(?:/|$)")
_MAX_AGE = re.compile(r"(?:^|[\s,])max-age=(\d{1,9})(?:$|[\s,])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class UpstreamAnswer:
    """One answer that `check_available` let through; `what` names the call in errors, without host and query.

    `not_now` are error names that mean so, `odd` is told the members that could not be shown.
    """

    what: str
    got: Answer
    not_now: frozenset[str] = NOT_NOW
    odd: Callable[[str], None] | None = None

    def value(self, parse: Callable[[bytes], Any] = strict_json.parse_json) -> Any:
        """The JSON value of a 2xx answer without an error member; `parse` reads another form, and raises Malformed.

        Raises UpstreamUnavailable for an error that means "not now"; UpstreamRejected for statuses that are not 2xx
        and for an object with an `error` or `error_code`, whatever the status: several upstreams refuse with 200;
        UpstreamInvalid for no JSON.
        """
        refused = self.got.status not in _SUCCESS
        try:
            value = parse(self.got.body)
        except strict_json.Malformed as problem:
            if not refused:
                raise UpstreamInvalid(f"{self.what}: {problem}") from None
            value = None  # a refusal needs no particular body: the status has said it
        error = error_name(value)
        if refused or error is not None:
            raise self.refusal(error or listed_name(value))
        return value

    def fields(self) -> Fields:
        """The JSON object, or the token that it is; errors as `value`, and UpstreamInvalid for any other JSON."""
        kind = self.got.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind == "application/jwt" and self.got.status in _SUCCESS:
            return SignedAnswer(self.got.body.decode("latin-1").strip(), self.what)
        value = self.value()
        if not isinstance(value, dict):
            raise UpstreamInvalid(f"{self.what}: not a JSON object")
        return Fields(value, self.what, self.odd)

    def accepted(self) -> None:
        """Raise as `value` for a status that is not 2xx; what else it says is nobody's business."""
        if self.got.status not in _SUCCESS:
            raise self.refusal("")

    def cacheable_fields(self) -> tuple[Fields, int | None]:
        """The JSON object and the seconds of `max-age`, None where it is not said."""
        found = _MAX_AGE.search(self.got.headers.get("Cache-Control", ""))
        return self.fields(), int(found[1]) if found else None

    def refusal(self, error: str) -> UpstreamError:
        """The failure that this error is, with its status and name: what whoever has to mend it must know."""
        detail = f"{self.what}: status {self.got.status}, {f'error {error}' if error else 'without an error name'}"
        if error in self.not_now:
            return UpstreamUnavailable(detail, answered=True, retry_after=asked_pause(self.got.headers))
        return UpstreamRejected(detail, error=error, answered=self.got.status)


def check_available(what: str, status: int, headers: Mapping[str, str]) -> None:
    """Raise UpstreamUnavailable for a status that says "not now": 5xx, 429, and a 403 that tells until when."""
    # quirk(github): both of its rate limits may come as 403, by these header fields (vendor docs read 2026-11)
    limited = status == 403 and ("Retry-After" in headers or headers.get("X-RateLimit-Remaining") == "0")
    if status >= 500 or status == 429 or limited:
        raise UpstreamUnavailable(f"{what}: status {status}", answered=True, retry_after=asked_pause(headers))


def asked_pause(headers: Mapping[str, str]) -> float | None:
    """Seconds in `Retry-After`, given as such or as a date (RFC 9110 section 10.2.3); None without a readable one."""
    given = headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(given):
        return float(given)
    try:
        # Against the upstream's own clock, so that neither has to be right.
        until, now = parsedate_to_datetime(given), parsedate_to_datetime(headers.get("Date", ""))
        return max(0.0, (until - now).total_seconds())
    except (ValueError, TypeError):
        return None


def error_name(value: object) -> str | None:
    """The error code of a JSON answer, in `[a-z0-9_.-]{1,64}`; None where there is none."""
    if not isinstance(value, dict):
        return None
    given = value.get("error")
    if given is None:
        given = value.get("error_code")
    if isinstance(given, dict):  # an object of its own: {"error": {"error_code": 5, …}}
        given = next((given[name] for name in ("error_code", "code", "type") if name in given), "")
    return None if given is None else clean_name(given)


def listed_name(value: object) -> str:
    """The error code of an answer whose status refuses already, where it tells in other ways; "" where there is none.

    The first of a list of `errors`, or a problem's `type` by the end of its address (RFC 9457 section 3.1.1).
    """
    if not isinstance(value, dict):
        return ""
    listed, kind = value.get("errors"), value.get("type")
    if isinstance(listed, list) and listed and isinstance(listed[0], dict) and "code" in listed[0]:
        return clean_name(listed[0]["code"])
    return clean_name(kind.rpartition("/")[2]) if isinstance(kind, str) and "/" in kind else ""


def clean_name(given: object) -> str:
    """What an upstream calls an error, fit for a log: short and plain, or `unreadable`."""
    name = str(given) if isinstance(given, (str, int)) else ""
    return name.lower().replace(" ", "_") if _ERROR_NAME.fullmatch(name) else "unreadable"


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
