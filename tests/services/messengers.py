"""Doubles of a messenger: it says what it is told to say, and keeps what it was given."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from broker.core.notify import Fate, Message, Outcome


@dataclass
class Messenger:
    """Takes every message, unless it is told to say something else to the next ones; silent, not until it `answers`."""

    said: deque[Outcome] = field(default_factory=deque)
    heard: list[tuple[str, Message]] = field(default_factory=list)
    silent: bool = False
    answers: asyncio.Event = field(default_factory=asyncio.Event)

    async def write(self, subject: str, message: Message) -> Outcome:
        """What it was told to say next."""
        self.heard.append((subject, message))
        if self.silent:
            await self.answers.wait()
        return self.said.popleft() if self.said else Outcome(Fate.SENT)
