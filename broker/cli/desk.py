"""What commands ask the server that holds the database, or do in its place when none runs: keys, a copy, use cases."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from broker.app import build
from broker.assembly.broker import Broker
from broker.assembly.reloading import Compared
from broker.cli.control import Answer, Question, ask_server, user_name
from broker.config.model import Config
from broker.config.reveal import secrets_of
from broker.core.errors import RequestError
from broker.core.events import Event
from broker.core.records import SigningKey
from broker.core.terms import Algorithm
from broker.observe import Observer, Setup
from broker.observe.sink import Sink
from broker.services.keys.ring import end_grants
from broker.store.sql.keys import signing_keys
from broker.store.sqlite.engine import run
from broker.store.sqlite.file import reading


class Desk:
    """Answers what commands ask a broker in this process."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._known: dict[str, Callable[[Question], Awaitable[Answer]]] = {
            "list": self._list,
            "rotate": self._rotate,
            "replace": self._replace,
            "copy": self._copy,
            "operate": self._operate,
            "reload": self._reload,
            "compare": self._compare,
            "arrive": self._arrive,
        }

    async def answer(self, question: Question) -> Answer:
        """What becomes of a question; raises StoreUnavailable, and ValueError for one that is none."""
        answer = self._known.get(str(question.get("do")))
        if answer is None:
            raise ValueError(f"a question is one of {', '.join(self._known)}")
        return await answer(question)

    async def _list(self, _: Question) -> Answer:
        return Answer(table(await self._broker.durable.keys.signing_keys(), int(time.time())))

    async def _rotate(self, question: Question) -> Answer:
        for algorithm in [Algorithm(name) for name in question["algorithms"]]:
            await self._broker.keys.rotate(algorithm, at_once=bool(question["now"]))
        return await self._list(question)

    async def _replace(self, question: Question) -> Answer:
        broker, ended = self._broker, list[str]()
        await broker.keys.replace([Algorithm(name) for name in question["algorithms"]])
        if question["end_grants"]:
            ended.append(f"{await end_grants(broker.context, broker.durable.grants)} grants ended")
        return Answer((await self._list(question)).lines + ended)

    async def _copy(self, _: Question) -> Answer:
        file = await self._broker.store.copy()
        self._broker.observer.record(Event.DATABASE_COPIED)
        return Answer([], file)

    async def _operate(self, question: Question) -> Answer:
        """A use case of `broker.core.operators`; what is refused is a value, too."""
        try:
            told = await self._broker.operators.answer(
                str(question["use_case"]), question["values"], by=str(question["by"])
            )
        except RequestError as refused:
            told = {"error": refused.code, "error_description": refused.public}
        return Answer([], value=told)

    async def _arrive(self, question: Question) -> Answer:
        """A batch of `broker.services.people.arrivals`."""
        try:
            settled = await self._broker.operators.arrivals.receive(question["batch"], by=str(question["by"]))
        except RequestError as refused:
            raise ValueError(refused.public) from None
        return Answer([], value=settled)

    async def _reload(self, question: Question) -> Answer:
        """The file taken over, or why it was not; either is a value."""
        return _told(await self._broker.reloading.reload(by=str(question["by"])))

    async def _compare(self, _: Question) -> Answer:
        return _told(await self._broker.reloading.compare())


def _told(compared: Compared) -> Answer:
    value = {"revision": compared.revision, "changes": [change.line for change in compared.changes]}
    return Answer([], value=value | {"problems": compared.problems, "warnings": compared.warnings})


def ask(config: Config, question: Question) -> list[str]:
    """The lines of the answer, from the running server or, without one, from the database itself.

    Listing makes nothing: where there is no database yet, that is the error. Other questions open it as a start does.

    Raises ConfigError and StoreUnavailable as a start would, OSError with the server's refusal, ValueError for a
    question that is none.
    """
    answer = ask_server(config.storage.sqlite.path, question)
    if answer is not None:
        return answer.lines
    if question["do"] == "list":
        with reading(config.storage.sqlite.path) as db:
            return table(run(signing_keys, db), int(time.time()))
    return asyncio.run(_ask_ourselves(config, [question]))[0].lines


async def _ask_ourselves(config: Config, questions: Iterable[Question]) -> list[Answer]:
    lines = Sink(sys.stderr.fileno())  # stdout is for the answer
    setup = Setup("error", config.logging.format, config.logging.audit, secrets=tuple(secrets_of(config)))
    try:
        broker = await build(config, observer=Observer.open_(setup, lines=lines))
        try:
            return [await Desk(broker).answer(question | {"by": user_name(os.getuid())}) for question in questions]
        finally:
            await broker.close()
    finally:
        lines.close()


def operate(config: Config, use_case: str, values: Mapping[str, object]) -> dict[str, Any]:
    """What comes of a use case, as JSON; from the running server or, without one, from the database itself.

    A refusal has `error` and `error_description`. Raises as `ask`; a database that is not there is not made.
    """
    told: dict[str, Any] = _ask_all(config, [{"do": "operate", "use_case": use_case, "values": values}])[0]
    return told


def bring(config: Config, batches: Sequence[Mapping[str, object]]) -> list[dict[str, Any]]:
    """What becomes of everybody of these batches of people, in their order; as `operate`, with ValueError for more."""
    settled = _ask_all(config, [{"do": "arrive", "batch": batch} for batch in batches])
    return [one for batch in settled for one in batch]


def _ask_all(config: Config, questions: Sequence[Question]) -> list[Any]:
    """The values that answer them. Whoever is asked first, the server or the database, is asked all."""
    if not questions:
        return []
    first = ask_server(config.storage.sqlite.path, questions[0])
    if first is None:
        with reading(config.storage.sqlite.path):
            pass  # it is there
        return [answer.value for answer in asyncio.run(_ask_ourselves(config, questions))]
    return [first.value, *(_ask_again(config, question) for question in questions[1:])]


def _ask_again(config: Config, question: Question) -> Any:
    answer = ask_server(config.storage.sqlite.path, question)
    if answer is None:
        raise OSError("the running broker stopped; what it answered is done, do the rest by the same command")
    return answer.value


def table(keys: Sequence[SigningKey], now: int) -> list[str]:
    """One line per key under a heading; times in UTC."""
    rows = [("KID", "ALGORITHM", "STATE", "CREATED", "SIGNS FROM", "RETIRED")]
    rows += [
        (
            key.kid,
            key.algorithm,
            _state(key, now),
            minute(key.created_at),
            minute(key.active_at),
            minute(key.retired_at),
        )
        for key in sorted(keys, key=lambda key: (key.algorithm, key.active_at, key.created_at))
    ]
    return columns(rows)


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """A line per row, with every column as wide as it has to be."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _state(key: SigningKey, now: int) -> str:
    if key.retired_at is not None:
        return "retired"
    return "active" if key.active_at <= now else "published"


def minute(at: int | None) -> str:
    """A time in UTC, "-" for none."""
    return "-" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")
