"""Doubles of what is outside: upstreams that vouch for whoever they are told to."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar

from broker.core.people.identity import Identity
from broker.core.terms import PostedKind
from broker.upstream.abilities import Abilities, Heard, Meaning, SignedIdentity, UpstreamEvent, WritesMessages
from broker.upstream.model import Channel, Flow, ProviderSettings, Redirect, Reply, Tools, Widget
from broker.upstream.posted import Posted


class Upstream:
    """An upstream that vouches for whoever it is told to."""

    Settings: ClassVar[type[ProviderSettings]] = ProviderSettings
    channels: ClassVar[frozenset[Channel]] = frozenset({Channel.QUERY})
    title: ClassVar[Mapping[str, str]] = {"en": "Upstream", "ru": "Служба"}
    label: ClassVar[Mapping[str, str]] = {"en": "Sign in", "ru": "Войти"}
    brand: ClassVar[str] = "#000000"

    def __init__(self, settings: Any, tools: Tools | None) -> None:
        """Nothing is configured."""
        self.identity = Identity("x1", {"name": "Ann", "email": "ann@a.test", "email_verified": True})
        self.failure: Exception | None = None
        self.down_for = 0.0  # seconds, while it fails
        self.memo: dict[str, str] = {}
        self.flows: list[Flow] = []
        self.asked: list[tuple[Flow, Reply]] = []
        self.refuses_embedded = False
        self.levels: tuple[str, ...] = ()
        self.methods: tuple[str, ...] = ()
        self.bot: WritesMessages | None = None

    def abilities(self) -> Abilities:
        """Its word counts for levels and methods when it is told so."""
        return Abilities(levels=self.levels, methods=self.methods, writes=self.bot)

    async def begin(self, flow: Flow) -> Redirect | Widget:
        """Off to the upstream."""
        self.flows.append(flow)
        if self.failure is not None:
            raise self.failure
        return Redirect(f"https://up.test/authorize?state={flow.state}", self.memo)

    async def finish(self, flow: Flow, reply: Reply) -> Identity:
        """Whoever it was told to vouch for."""
        self.asked.append((flow, reply))
        if self.failure is not None:
            raise self.failure
        return self.identity


class SigningUpstream(Upstream):
    """One whose replies are bearer strings, and which sends them unasked, too."""

    def __init__(self, settings: Any, tools: Tools | None, *, valid_until: int = 0) -> None:
        """`valid_until`: epoch seconds up to which its unasked replies are good."""
        super().__init__(settings, tools)
        self.valid_until = valid_until

    def replay_key(self, reply: Reply) -> str:
        """The signature."""
        return reply.params.get("hash", "")

    async def verify_unasked(self, params: Mapping[str, str]) -> SignedIdentity:
        """Whoever it was told to vouch for."""
        if self.failure is not None:
            raise self.failure
        return SignedIdentity(self.identity, params["hash"], self.valid_until)


class PostingUpstream(SigningUpstream):
    """One whose kit gives apps a token or a code, which say by themselves whose they are."""

    posted: ClassVar[frozenset[PostedKind]] = frozenset({PostedKind.ID_TOKEN, PostedKind.CODE})
    challenged: ClassVar[frozenset[PostedKind]] = posted

    def __init__(self, settings: Any, tools: Tools | None) -> None:
        """Nobody was let in yet."""
        super().__init__(settings, tools)
        self.shown: list[Posted] = []
        self.slow = 0.0  # seconds

    async def verify_posted(self, posted: Posted) -> SignedIdentity:
        """Whoever it was told to vouch for; the token is what counts once."""
        self.shown.append(posted)
        await asyncio.sleep(self.slow)
        if self.failure is not None:
            raise self.failure
        return SignedIdentity(self.identity, posted.token, self.valid_until)


class TellingUpstream(Upstream):
    """One that tells of people: bodies are `meaning/subject/replay key`."""

    status = 202
    answer: Exception | None = None
    marks: Mapping[str, str | None] = {}

    def abilities(self) -> Abilities:
        """It hears itself."""
        return Abilities(hears=self)

    async def hear(self, body: bytes) -> Heard:
        """What the body says, unless it is to fail."""
        if self.answer is not None:
            raise self.answer
        meaning, subject, key = body.decode().split("/")
        return Heard((UpstreamEvent("a-kind", Meaning(meaning), subject, self.marks),), key)
