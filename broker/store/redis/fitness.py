"""Whether a server may hold our state: what it is asked at every look, and what its answers mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from redis.exceptions import AuthenticationError, NoPermissionError, OutOfMemoryError

Command = tuple[str | bytes | int, ...]

_OLDEST = 7  # major version; Valkey answers with the Redis version it is compatible with


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a server is not well; the text holds no value of anybody, no password and no key of a person.

    `barred`: nothing is asked of it, not even what it would answer. `lasting`: waiting does not help, an operator does.
    """

    text: str
    barred: bool = True
    lasting: bool = False


class Fitness:
    """What is asked, and the verdict. Asking twice does no more than asking once."""

    def __init__(self, prefix: str, installation: str) -> None:
        """`prefix` is in front of every key. `installation`: whose durable store this one belongs to, claimed here."""
        self._prefix, self._installation = prefix, installation.encode()
        self._claim = f"{prefix}installation"
        self.commands: tuple[Command, ...] = (
            ("INFO", "server", "memory"),
            ("SET", self._claim, installation, "NX"),
            ("GET", self._claim),
            ("SET", f"{prefix}ping", "1", "EX", 60),
        )

    def judge(self, answers: Sequence[object]) -> Problem | None:
        """What the answers to `commands`, in order, say of the server; None: it is well."""
        info, claimed, owner, stored = answers
        problem = _judge_info(info) or self._judge_owner(claimed, owner)
        if problem is None and stored is not True:
            # A full server still gives what it has, and what is taken from it makes room.
            problem = Problem(f"the server answers SET with {kind_of(stored)}", barred=not _is_full(stored))
        return problem

    def _judge_owner(self, claimed: object, owner: object) -> Problem | None:
        if owner == self._installation:
            return None
        if not isinstance(owner, bytes):
            return Problem(f"the server answers SET with {kind_of(claimed)}")
        return Problem(
            f"what is kept under {self._prefix!r} belongs to the broker of another database. Two brokers with two "
            "databases cannot share it: people would be somebody else at each. Give this one another "
            f"storage.redis.prefix; or, if the other one is gone for good, delete the key {self._claim!r}",
            lasting=True,
        )


def _judge_info(info: object) -> Problem | None:
    if isinstance(info, NoPermissionError):
        return Problem("the user needs the INFO command, to see the eviction policy", lasting=True)
    if not isinstance(info, Mapping):
        return Problem(f"the server answers INFO with {kind_of(info)}")
    version, policy = str(info.get("redis_version")), info.get("maxmemory_policy")
    major = version.partition(".")[0]
    if not major.isdigit() or int(major) < _OLDEST:
        return Problem(f"the server is version {version}; {_OLDEST}.0 is the oldest that works", lasting=True)
    if policy != "noeviction":
        text = f"the server evicts keys (maxmemory-policy {policy}); set maxmemory-policy noeviction"
        return Problem(text, lasting=True)
    return None


def explain(error: Exception) -> Problem:
    """Why there was no answer at all."""
    below = error.__cause__ or error.__context__
    if isinstance(error, AuthenticationError) or isinstance(below, AuthenticationError):
        return Problem("the server refused user or password", lasting=True)
    reason = below.strerror if isinstance(below, OSError) else None
    return Problem(f"{type(error).__name__} ({reason})" if reason else type(error).__name__)


def kind_of(answer: object) -> str:
    """The kind of an unwanted answer alone: the text of a server's error may repeat the command."""
    word = str(answer).partition(" ")[0]
    # Codes that redis-py has no class for, as in "MISCONF Redis is configured to save snapshots, but cannot".
    return (
        word
        if type(answer).__name__ == "ResponseError" and word.isalpha() and word.isupper()
        else type(answer).__name__
    )


def _is_full(answer: object) -> bool:
    return isinstance(answer, OutOfMemoryError)
