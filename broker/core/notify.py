"""Messages (notifications) that an app sends to people of its own through a bot: what one is, and how it may end.

Times in epoch seconds, some with their fraction: pacing counts in less than a second.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from broker.core.errors import InvalidRequest
from broker.core.records import Record, Value

NOTIFY: Final = "notify"
"""The scope that an app needs, of its own (`service_scopes`): nobody behind a browser can get it."""
MAX_TEXT: Final = 4096  # characters; as much as a Bot API takes
MAX_BUTTONS: Final = 8
MAX_LABEL: Final = 64  # characters
MAX_URL: Final = 2048  # characters
MAX_KEY: Final = 128  # characters

_MEMBERS = frozenset({"sub", "text", "buttons", "idempotency_key"})
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")  # all but tabs and ends of lines
_KEY = re.compile(rf"[\x21-\x7e]{{1,{MAX_KEY}}}")
_URL = re.compile(r"https://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:[/?#][\x21-\x7e]*)?")


class Button(Value, frozen=True):
    """Opens an https address."""

    text: str
    url: str


class Message(Record, frozen=True, tag="message"):
    """What is sent: plain text, with buttons below it, one in a row."""

    text: str
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """What an app asks for. `sub`: whom, as it knows them; `key`: by which it knows the same order again, or ""."""

    sub: str
    message: Message = field(repr=False)
    key: str = field(default="", repr=False)


class Status(StrEnum):
    """How far a message has come."""

    QUEUED = "queued"
    SENT = "sent"
    UNREACHABLE = "unreachable"  # the person has not let the bot write, or does so no more
    FAILED = "failed"


class Fate(StrEnum):
    """What came of one attempt to send a message."""

    SENT = "sent"
    UNREACHABLE = "unreachable"  # the person does not let the bot write to them
    REFUSED = "refused"  # the same message again would change nothing
    BUSY = "busy"  # the whole bot has to wait
    UNSENT = "unsent"  # nothing reached the messenger
    SILENT = "silent"  # nobody knows whether it got there
    REVOKED = "revoked"  # the bot is known no more: nothing that it sends gets anywhere


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one attempt. `reason` is in our words; `retry_after`: seconds that the messenger asked us to wait, or 0."""

    fate: Fate
    reason: str = ""
    retry_after: float = 0


@dataclass(frozen=True, slots=True)
class Pace:
    """The messenger's limits: `gap` seconds between two messages to one person, and `count` in `window` seconds."""

    gap: float
    count: int
    window: float


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that was claimed for one attempt; `attempts` and `unanswered` count this one.

    `body` is sealed. `unanswered` are attempts of which nobody knows what came: from the second on, the message may
    arrive twice. `welcome`: the way to the person is still theirs, and they could sign in.
    """

    id: str
    client_id: str
    provider_key: str
    subject: str
    body: str = field(repr=False)
    attempts: int
    unanswered: int
    welcome: bool


@dataclass(frozen=True, slots=True)
class Notice:
    """What its app is told of a message."""

    id: str
    status: Status
    reason: str
    attempts: int
    created_at: int
    settled_at: int | None

    def describe(self) -> dict[str, Any]:
        """As the resource."""
        said: dict[str, Any] = {"id": self.id, "status": self.status.value, "created_at": self.created_at}
        said |= {"attempts": self.attempts} | ({"reason": self.reason} if self.reason else {})
        return said | ({"settled_at": self.settled_at} if self.settled_at is not None else {})


def parse_order(sent: Mapping[str, Any]) -> Order:
    """What an app asks for in a JSON object; raises InvalidRequest that says what to change."""
    for name in sent:
        if name not in _MEMBERS:
            raise InvalidRequest(f"there is no such member; send {', '.join(sorted(_MEMBERS))}")
    sub, key = sent.get("sub"), sent.get("idempotency_key", "")
    if not isinstance(sub, str) or not 0 < len(sub) <= 255:
        raise InvalidRequest("sub is missing or not a text")
    if not isinstance(key, str) or (key and not _KEY.fullmatch(key)):
        raise InvalidRequest(f"idempotency_key is up to {MAX_KEY} visible ASCII characters")
    text = _text(sent.get("text"), "text", MAX_TEXT)
    return Order(sub, Message(text, _buttons(sent.get("buttons", []))), key)


def _buttons(sent: object) -> tuple[Button, ...]:
    if not isinstance(sent, list) or len(sent) > MAX_BUTTONS:
        raise InvalidRequest(f"buttons is a list of at most {MAX_BUTTONS}")
    return tuple([_button(one) for one in sent])


def _button(sent: object) -> Button:
    if not isinstance(sent, dict) or sent.keys() != {"text", "url"}:
        raise InvalidRequest("a button has text and url, and nothing else")
    url = sent["url"]
    if not isinstance(url, str) or len(url) > MAX_URL or not _URL.fullmatch(url):
        raise InvalidRequest(f"the url of a button is https, with a host, and has at most {MAX_URL} characters")
    return Button(_text(sent["text"], "the text of a button", MAX_LABEL), url)


def _text(sent: object, what: str, limit: int) -> str:
    """Of which something is seen, and that can be shown."""
    if not isinstance(sent, str) or not sent.strip() or len(sent) > limit:
        raise InvalidRequest(f"{what} has 1 to {limit} characters that are seen")
    if _CONTROL.search(sent):
        raise InvalidRequest(f"{what} holds a control character")
    return sent
