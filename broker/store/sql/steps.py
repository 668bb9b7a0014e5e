"""Operations on a SQL database, written once for every driver: generators that yield statements and get their results.

An operation does no I/O of its own. A driver runs it: in the writer's thread of SQLite, or with `await` on a server.
Statements keep to what SQLite and PostgreSQL both understand, with `?` for every parameter.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Generator
from functools import partial
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R", bound="Repository")

Value = str | int | float | bytes | None
Row = tuple[Any, ...]
Statement = tuple[str, tuple[Value, ...]]

# What is over stays for a day, so that a clock that jumped and came back does not make anything forgotten that was
# refused before.
_KEPT_AFTER_EXPIRY = 86_400
_SWEPT_AT_ONCE = 500  # rows per transaction, so that housekeeping makes nobody wait


class Result(Protocol):
    """What came of a statement."""

    @property
    def rowcount(self) -> int:
        """How many rows were changed."""

    def fetchall(self) -> list[Row]:
        """The rows."""


Steps = Generator[Statement, Result, T]
"""An operation: its statements in turn, and what it came to."""


def first(result: Result) -> Row | None:
    """The first row, or None. All are fetched: an unfinished statement would hold up the commit."""
    rows = result.fetchall()
    return rows[0] if rows else None


def one(sql: str, *params: Value) -> Steps[Row | None]:
    """The first row, or None."""
    return first((yield sql, params))


def every(sql: str, *params: Value) -> Steps[list[Row]]:
    """All rows."""
    return (yield sql, params).fetchall()


def do(sql: str, *params: Value) -> Steps[int]:
    """How many rows it changed."""
    return (yield sql, params).rowcount


class Driver(Protocol):
    """Runs operations on one database. Each raises StoreUnavailable when it cannot be run."""

    def read(self, operation: Callable[[], Steps[T]]) -> Coroutine[Any, Any, T]:
        """Run an operation of point reads on committed data."""

    def write(self, operation: Callable[[], Steps[T]]) -> Coroutine[Any, Any, T]:
        """Run an operation in a transaction: whole and on the disk, or not at all. It may be begun twice."""

    async def ping(self) -> None:
        """Return when the database can be written to."""

    async def close(self) -> None:
        """Finish what was accepted and let go of files and connections."""


class Repository:
    """Operations over one driver: its methods are `read` or `written`."""

    def __init__(self, driver: Driver) -> None:
        """`driver` runs them."""
        self.driver = driver


def read(steps: Callable[Concatenate[R, P], Steps[T]]) -> Callable[Concatenate[R, P], Coroutine[Any, Any, T]]:
    """Make an operation that only reads a method to be awaited."""

    def method(self: R, /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]:
        return self.driver.read(partial(steps, self, *args, **kwargs))

    return method


def write(steps: Callable[Concatenate[R, P], Steps[T]]) -> Callable[Concatenate[R, P], Coroutine[Any, Any, T]]:
    """Make an operation, both-or-neither, a method to be awaited."""

    def method(self: R, /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]:
        return self.driver.write(partial(steps, self, *args, **kwargs))

    return method


async def sweep(some: Callable[[int, int], Awaitable[int]], *, now: int) -> int:
    """Call `some` with the time that rows must have been over by and how many go at once, until it finds no more."""
    return await until_none(lambda: some(now - _KEPT_AFTER_EXPIRY, _SWEPT_AT_ONCE))


async def until_none(some: Callable[[], Awaitable[int]]) -> int:
    """Call `some` until it finds nothing more; how much it was."""
    total = 0
    while found := await some():
        total += found
    return total
