"""What the account page tells of ways in, browsers and what happened: plain values, as in `broker.web.pages.views`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Mark:
    """A provider as people know it: its plain name per language, and what names its icon."""

    provider: str
    kind: str
    title: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Way:
    """A way into an account, and what they go by there.

    `person_name` and `address` are as the provider last told them, or ""; days in ISO 8601, `linked_on` "" where nobody
    knows any more. `here`: they are signed in through it. `has_home`: it is an account of its own again without this
    one.
    """

    handle: str
    mark: Mark
    person_name: str
    address: str
    linked_on: str
    used_on: str
    here: bool
    has_home: bool = False


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session as its person sees it: `place` and `agent` coarsely, or ""; `at` in ISO 8601. `here`: this browser.

    `app` is where it began, per language; empty for the account page.
    """

    sid: str
    place: str
    agent: str
    at: str
    mark: Mark
    app: Mapping[str, str]
    here: bool


@dataclass(frozen=True, slots=True)
class Activity:
    """One thing that happened, at `at` in ISO 8601. `what`: `signed_in`, or a word of `Happened`."""

    what: str
    at: str
    mark: Mark | None = None
    app: Mapping[str, str] = field(default_factory=dict)
    place: str = ""
    agent: str = ""
