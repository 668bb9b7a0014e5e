"""What a provider instance can do beyond logging people in. What the operator left off is not there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from broker.core.login.by_bot import Choice, InChat
from broker.core.notify import Message, Outcome
from broker.core.people.identity import Identity, UpstreamSession
from broker.core.upstream_tokens import UpstreamTokens
from broker.upstream.credentials_check import Verdict
from broker.upstream.model import Flow, Provider

EVENT_MAX_AGE = 7 * 86400  # seconds: upstreams repeat what was not taken, some for days


@dataclass(frozen=True, slots=True)
class SignedIdentity:
    """An identity with the bearer string that proved it; `replay_key` may be used once until `expires_at`.

    `start_param` is what the link said that somebody opened a Mini App by, or "": whoever made the link chose it.
    """

    identity: Identity
    replay_key: str
    expires_at: int
    start_param: str = ""


@runtime_checkable
class AcceptsUnasked(Protocol):
    """A provider whose upstream can send a signed identity that nobody asked for (Telegram `login_url` buttons)."""

    async def verify_unasked(self, params: Mapping[str, str]) -> SignedIdentity:
        """The identity in `params`; raises UpstreamInvalid. The broker asks the person before it counts."""


@dataclass(frozen=True, slots=True)
class UpstreamLogout:
    """A verified word that a session ended at the upstream: `sid`, or without one every session of `subject`.

    `jti` names the token it came in.
    """

    subject: str
    sid: str
    jti: str


class ReceivesLogout(Protocol):
    """Hears from its upstream when somebody logs out there (OIDC Back-Channel Logout 1.0)."""

    async def verify_logout(self, logout_token: str) -> UpstreamLogout:
        """What the token says; raises UpstreamInvalid for every token that is not good, and UpstreamUnavailable."""


class Meaning(StrEnum):
    """What something that happened to somebody at the upstream demands of us; each one more than the one before it."""

    NOTED = "noted"  # nothing
    MARKED = "marked"  # something else is known of them from now on
    SESSIONS_OVER = "sessions_over"  # sessions that came this way end, with grants that do not outlive theirs
    WITHDRAWN = "withdrawn"  # every grant that came this way ends, and no tokens of the upstream's are kept
    GONE = "gone"  # the way in goes as well, and with the last one the account


@dataclass(frozen=True, slots=True)
class UpstreamEvent:
    """A verified word about `subject`, who is somebody unless it is `NOTED`.

    `kind` is what the upstream calls it, of a list that the type knows: it becomes a label of a metric. `marks` are raw
    ids that are told from now on; None: no longer.
    """

    kind: str
    meaning: Meaning
    subject: str = ""
    marks: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Heard:
    """The events of one message. It counts once, and is known by its `replay_key`, which no other message has."""

    events: tuple[UpstreamEvent, ...]
    replay_key: str


class HearsEvents(Protocol):
    """Hears from its upstream what happens to people there (ADR 65)."""

    @property
    def status(self) -> int:
        """What it wants to be answered where its message was taken, and where it was taken before: 200 or 202."""

    async def hear(self, body: bytes) -> Heard:
        """What the body of a request says, whatever content type it claims to have.

        Raises UpstreamInvalid for everything that the upstream did not make for us, or too long ago, and
        UpstreamUnavailable where that cannot be found out now. No message counts for longer than `EVENT_MAX_AGE`.
        """


class EndsSession(Protocol):
    """Can end the upstream's own session when somebody logs out through us (OIDC RP-Initiated Logout 1.0)."""

    async def end_session(self, *, id_token: str, return_to: str, state: str) -> str:
        """Where the browser goes for that, "" where the upstream offers no such place; raises UpstreamUnavailable.

        `return_to` is where it is sent back to, with `state`; both may be "".
        """


class RefreshesIdentity(Protocol):
    """Can ask its upstream later on whether somebody is still welcome there (OIDC Core 12)."""

    async def refresh(self, subject: str, kept: UpstreamSession) -> UpstreamSession:
        """What is to be kept from now on in place of `kept`.

        Raises UpstreamDenied when the upstream refuses, UpstreamInvalid when it speaks of somebody else than `subject`,
        and UpstreamUnavailable when nothing is known.
        """


class KeepsTokens(Protocol):
    """Gives tokens for its own APIs that are kept for apps, in `Identity.tokens` of flows that say `keeps_tokens`."""

    async def renew(self, subject: str, kept: UpstreamTokens) -> UpstreamTokens:
        """What is to be kept from now on in place of `kept`, which has a refresh token (RFC 6749 section 6).

        Raises UpstreamDenied when the upstream refuses, UpstreamInvalid when it speaks of somebody else than `subject`,
        and UpstreamUnavailable when nothing is known.
        """

    async def give_back(self, kept: UpstreamTokens) -> bool:
        """Tell the upstream that they are to count no more (RFC 7009); False where it offers no place for that.

        Raises UpstreamError.
        """


@runtime_checkable
class TriesCredentials(Protocol):
    """A provider, or an ability of one, that can ask its upstream whether the credentials in config.yaml are good."""

    async def try_credentials(self, flow: Flow) -> Verdict:
        """What it says; raises nothing for what an upstream may do. `flow` is an attempt that nobody made."""


class WritesMessages(Protocol):
    """Can write to people afterwards, as far as they let it."""

    async def write(self, subject: str, message: Message) -> Outcome:
        """What came of one attempt to write to this person; never raises for what a messenger may do."""


class SignsInByBot(Protocol):
    """Can sign in somebody who opens its bot and answers there (ADR 58)."""

    @property
    def secret_header(self) -> str:
        """The header, in lower case, in which updates bring the secret."""

    def knows(self, secret: str) -> bool:
        """Whether that is the secret; in constant time."""

    def link(self, token: str) -> str:
        """Where people open the bot with this token, 32 characters of base64url."""

    def read(self, update: Mapping[str, Any]) -> InChat | None:
        """What a trusted update tells of an attempt, None where it is about something else."""

    async def ask(self, said: InChat, text: str, choices: Sequence[Choice]) -> Outcome:
        """Put a question into this chat; never raises for what a messenger may do."""

    async def tell(self, said: InChat, text: str) -> None:
        """Say something in this chat, in place of the question where one was answered; raises nothing either."""

    def identify(self, told: Mapping[str, str]) -> Identity:
        """Who a person of a chat is; raises UpstreamInvalid."""


@dataclass(frozen=True, slots=True)
class PagePrompt:
    """What an upstream's own prompt needs on our login page. What it gives, a script of ours POSTs to `action`.

    `script` is the address of the upstream's script; `nonce` has to be in what it gives. `button`: it draws a button
    as well. `loads` and `styles` are what the page's content security policy admits for it: frames and calls, and one
    style sheet.
    """

    action: str
    script: str
    client_id: str
    nonce: str
    button: bool
    loads: str
    styles: str


class PromptsOnPage(Protocol):
    """Can sign people in by a prompt of its upstream on our own login page (Google One Tap)."""

    def prompt(self, flow: Flow) -> PagePrompt:
        """What the page needs to show it. Nobody has asked for a login yet, so nothing is asked of the upstream."""

    async def finish_prompt(self, flow: Flow, credential: str) -> Identity:
        """The identity that the upstream vouches for in what its prompt gave for `flow`; raises UpstreamError."""


@dataclass(frozen=True, slots=True)
class PagePost:
    """How its upstream's script POSTs to us what it gave to a page of an app: the names of the form's fields.

    `challenge` is the one that the app took before. `pair` is a value that a cookie of that name repeats, which the
    script sets at the page's own host: with it, the POST came from a page there.
    """

    credential: str
    challenge: str
    pair: str


@dataclass(frozen=True, slots=True)
class Abilities:
    """Those of one provider instance; None: it has not got it, or it is switched off.

    `levels` are the `acr` it can be asked to reach, `methods` the `amr` it is believed: of its words on how somebody
    authenticated, those that its operator listed count, and no others. `deletes` hears, at a place of its own, that
    somebody wants what is kept of them to be deleted: each message of it is one event, that they are `GONE`.
    """

    receives_logout: ReceivesLogout | None = None
    ends_session: EndsSession | None = None
    refreshes: RefreshesIdentity | None = None
    levels: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    writes: WritesMessages | None = None
    signs_in_by_bot: SignsInByBot | None = None
    keeps: KeepsTokens | None = None
    prompts: PromptsOnPage | None = None
    posts: PagePost | None = None
    hears: HearsEvents | None = None
    deletes: HearsEvents | None = None


@runtime_checkable
class HasAbilities(Protocol):
    """A provider that can do more than logging people in."""

    def abilities(self) -> Abilities:
        """What it can do as it is configured."""


def abilities_of(provider: Provider) -> Abilities:
    """What this provider can do beyond logging people in."""
    return provider.abilities() if isinstance(provider, HasAbilities) else Abilities()
