"""A login by opening a bot (ADR 58): the browser waits, the bot asks, and the answer is one more reply of the attempt.

The attempt stays in its browser. What is kept here is known by a token that is good for the chat alone: it is made of
the state, and nobody gets back from it to the state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hmac import digest as hmac_digest
from typing import Any

from broker.core.clients.client import Client
from broker.core.errors import (
    FlowFinished,
    InvalidClient,
    NotFound,
    NothingAsked,
    StoreUnavailable,
    UpstreamUnavailable,
)
from broker.core.events import Event
from broker.core.jose.compact import b64url
from broker.core.login import by_bot as words
from broker.core.login.by_bot import NO, BotAnswer, BotAttempt, InChat, build_numbers, say
from broker.core.notify import Fate
from broker.core.people.history import Whence
from broker.core.records import FlowRecord, ForClient
from broker.core.seal import Seal, digest
from broker.services.clients.directory import Clients
from broker.services.context import Context
from broker.services.login.attempts import Logins
from broker.services.login.outcomes import Callback
from broker.services.once import once
from broker.services.providers import ProviderInstance, Providers
from broker.store.transient import Kind, Transient
from broker.upstream.abilities import SignsInByBot
from broker.upstream.model import Channel, Reply

EXPIRES_IN = 300  # seconds until somebody must have answered in the chat
_TOLD_FOR = 60  # seconds in which the browser may still come for the answer
_REPEATED_FOR = 86400  # seconds for which a messenger delivers an update again
_QUIET_FOR = 3600  # seconds in which somebody is asked nothing after a no
_TOKEN = 24  # bytes: 32 characters


@dataclass(frozen=True, slots=True)
class Opened:
    """A login attempt in its own browser, whose provider has a bot. `client` None: somebody comes for themselves."""

    record: FlowRecord
    client: Client | None
    instance: ProviderInstance
    bot: SignsInByBot


@dataclass(frozen=True, slots=True)
class Waiting:
    """The browser shows `number`, and a link that opens the bot; `left`: seconds until it waits no longer."""

    number: str
    href: str
    left: int


class BotLogins:
    """The side of the browser."""

    def __init__(
        self,
        context: Context,
        logins: Logins,
        clients: Clients,
        *,
        transient: Transient,
        seal: Seal,
        keys: tuple[bytes, ...],
    ) -> None:
        """`seal` has the purpose "bot answer"; `keys` those of "bot token", the current first."""
        self._context = context
        self._logins = logins
        self._clients = clients
        self._transient = transient
        self._seal = seal
        self._keys = keys

    async def open_(self, callback: Callback) -> Opened:
        """The attempt; raises as `Logins.open_`, and NothingAsked where its provider has no bot to open."""
        record, bot = await self._logins.open_(callback), callback.instance.abilities.signs_in_by_bot
        if bot is None or record.provider != callback.instance.name:
            raise NothingAsked("a login that no bot takes part in")
        purpose = record.purpose
        asked_by = purpose.request.client_id if isinstance(purpose, ForClient) else ""
        client = await self._clients.find_again(asked_by) if asked_by else None
        return Opened(record, client, callback.instance, bot)

    async def begin(self, opened: Opened, app: Mapping[str, str], host: str, whence: Whence) -> None:
        """Somebody wants to open the bot: from here on it is told of the attempt. Pressed twice it is one.

        `app` and `host` as in `BotAttempt`; `whence`: where the browser is.
        """
        number, choices = build_numbers(self._context.randomness)
        attempt = BotAttempt(
            provider_key=opened.instance.key,
            app=dict(app),
            host=host,
            number=number,
            choices=choices,
            place=whence.place,
            agent=whence.agent,
            expires_at=min(self._context.now() + EXPIRES_IN, opened.record.expires_at),
        )
        key, ttl = digest(self._token(opened)), max(1, attempt.expires_at - self._context.now())
        if await self._transient.put(Kind.BOT, key, attempt.to_bytes(), ttl=ttl):
            client_id = opened.client.id if opened.client else ""
            self._context.recorder.record(Event.BOT_OPENED, provider=opened.instance.name, client_id=client_id)

    async def look(self, opened: Opened) -> Waiting | Reply:
        """What the screen shows while nobody has answered, then the reply for `Logins.finish`."""
        for token in self._tokens(opened):
            key = digest(token)
            if (sealed := await self._transient.get(Kind.BOT_ANSWER, key)) is not None:
                answer = BotAnswer.from_bytes(self._seal.open_(sealed.decode(), bound_to=key.encode()))
                return _reply(answer)
            if (raw := await self._transient.get(Kind.BOT, key)) is not None:
                attempt = BotAttempt.from_bytes(raw)
                return Waiting(attempt.number, opened.bot.link(token), attempt.expires_at - self._context.now())
        return Reply(Channel.BOT, {"late": "nobody answered in the chat in time"})

    def _token(self, opened: Opened) -> str:
        return next(self._tokens(opened))

    def _tokens(self, opened: Opened) -> Iterator[str]:
        """Of the current key first: the master key may have been changed since it began."""
        return (b64url(hmac_digest(key, opened.record.state.encode(), "sha256")[:_TOKEN]) for key in self._keys)


class BotUpdates:
    """The side of the chat. Whoever has the secret that the operator gave out speaks for the messenger."""

    def __init__(self, context: Context, providers: Providers, *, transient: Transient, seal: Seal) -> None:
        """`seal` as of `BotLogins`."""
        self._context = context
        self._providers = providers
        self._transient = transient
        self._seal = seal

    def admit(self, name: str, headers: Callable[[str, str], str]) -> None:
        """Before anything that was sent is looked at; raises NotFound, and InvalidClient without the secret."""
        _, bot = self._bot(name)
        if not bot.knows(headers(bot.secret_header, "")):
            raise InvalidClient("an update without the webhook_secret of this provider")

    async def hear(self, name: str, update: Mapping[str, Any]) -> bool:
        """Take in an update that was admitted; False for one about something else.

        The same again changes nothing. Raises UpstreamUnavailable where the bot could not ask: it is to be sent again.
        """
        instance, bot = self._bot(name)
        said = bot.read(update)
        if said is None:
            return False
        key, repeated = digest(f"update {instance.key} {said.update}"), FlowFinished("an update came twice")
        again = (StoreUnavailable, UpstreamUnavailable)
        try:
            async with once(self._transient, key, ttl=_REPEATED_FOR, again=repeated, gives_back=again):
                await self._take(instance, bot, said)
        except FlowFinished:
            return True
        return True

    async def _take(self, instance: ProviderInstance, bot: SignsInByBot, said: InChat) -> None:
        key = digest(said.token)
        raw = await self._transient.get(Kind.BOT, key)
        attempt = BotAttempt.from_bytes(raw) if raw is not None else None
        if attempt is None or attempt.provider_key != instance.key:
            await bot.tell(said, say(words.OVER, _language(said)))
            return
        who = digest(f"bot person {instance.key} {said.person['id']}")
        if said.pressed:
            await self._answer(instance, bot, said, attempt, who=who)
        else:
            await self._ask(bot, said, attempt, who=who)

    async def _ask(self, bot: SignsInByBot, said: InChat, attempt: BotAttempt, *, who: str) -> None:
        """Whoever opens the bot first is asked, and nobody else."""
        key, language = digest(said.token), _language(said)
        if await self._transient.get(Kind.BOT_QUIET, who) is not None:
            await bot.tell(said, say(words.QUIET, language))
            return
        free = await self._transient.put(Kind.BOT_PERSON, key, who.encode(), ttl=self._left(attempt))
        if not free and not await self._is_asked(key, who):
            await bot.tell(said, say(words.OVER, language))
            return
        outcome = await bot.ask(said, words.build_question(attempt, language), words.build_choices(attempt, language))
        if outcome.fate in {Fate.BUSY, Fate.UNSENT, Fate.SILENT}:
            raise UpstreamUnavailable(f"the bot could not ask: {outcome.reason}")

    async def _is_asked(self, key: str, who: str) -> bool:
        """Whether this person is the one who was asked, and nobody has answered."""
        asked = await self._transient.get(Kind.BOT_PERSON, key)
        return asked == who.encode() and await self._transient.get(Kind.BOT_ANSWER, key) is None

    async def _answer(
        self, instance: ProviderInstance, bot: SignsInByBot, said: InChat, attempt: BotAttempt, *, who: str
    ) -> None:
        """The first answer counts, and a wrong one is an answer."""
        key, language = digest(said.token), _language(said)
        if not await self._is_asked(key, who):
            return
        quiet = await self._transient.get(Kind.BOT_QUIET, who) is not None
        right = said.pressed == attempt.number and not quiet
        answer = BotAnswer(person=dict(said.person)) if right else BotAnswer(refused=_REFUSED)
        if not right:
            # Before the answer: what is sent again after a fault in between finds it, and is refused as well.
            await self._transient.put(Kind.BOT_QUIET, who, b"1", ttl=_QUIET_FOR)
        sealed = self._seal.seal(answer.to_bytes(), bound_to=key.encode()).encode()
        if not await self._transient.put(Kind.BOT_ANSWER, key, sealed, ttl=self._left(attempt) + _TOLD_FOR):
            return
        outcome = "approved" if right else "stopped" if said.pressed == NO else "quiet" if quiet else "wrong"
        self._context.recorder.record(Event.BOT_ANSWERED, provider=instance.name, outcome=outcome)
        await bot.tell(said, say(_TOLD[outcome], language, app=words.name_of(attempt, language)))

    def _left(self, attempt: BotAttempt) -> int:
        return max(1, attempt.expires_at - self._context.now())

    def _bot(self, name: str) -> tuple[ProviderInstance, SignsInByBot]:
        instance = self._providers.named(name)
        bot = instance.abilities.signs_in_by_bot if instance else None
        if instance is None or bot is None:
            raise NotFound("no bot of this name takes updates here")
        return instance, bot


_TOLD: Mapping[str, Mapping[str, str]] = {
    "approved": words.DONE,
    "stopped": words.STOPPED,
    "quiet": words.QUIET,
    "wrong": words.WRONG,
}
_REFUSED = "another number was pressed in the chat, or none"


def _language(said: InChat) -> str:
    return said.person.get("language_code", "")


def _reply(answer: BotAnswer) -> Reply:
    """As any other reply; no request of anybody's can bring one by this channel."""
    return Reply(Channel.BOT, {"refused": answer.refused} if answer.refused else dict(answer.person))
