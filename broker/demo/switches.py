"""The switches of emulated upstreams and the people who live there, for a test in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from broker.demo.people import UnknownPerson
from broker.demo.upstreams import Emulator
from broker.demo.upstreams.control import AnswerOrder, ChoiceOrder, ClaimsOrder, PersonOrder

Value = TypeVar("Value")


class Named(dict[str, Value]):
    """By name; LookupError, with the names there are, for one that is not there. `what` is what has the names."""

    def __init__(self, what: str, values: Mapping[str, Value]) -> None:
        super().__init__(values)
        self._what = what

    def __missing__(self, name: str) -> Value:
        raise LookupError(f"no {self._what} {name}; there are {', '.join(sorted(self))}")


class Switches:
    """The switches of one emulator, to be used from the test's thread."""

    def __init__(self, emulator: Emulator, url: str, call: Callable[[Callable[[], Any]], Any]) -> None:
        self.url = url
        self._emulator = emulator
        self._call = call

    def choose(self, person: str | None = None, *, cancel: bool = False) -> None:
        """Answer the next logins at once as `person` ("ada", "boris", "zoe") or by refusing; None: ask again.

        LookupError for a person who does not live there.
        """
        self._call(lambda: self._emulator.control.choose(ChoiceOrder(person=person, cancel=cancel)))

    def fault(self, name: str, *, on: bool = True, times: int | None = None) -> None:
        """Switch a fault of `broker.demo.faults`; LookupError for one that this upstream does not know."""
        self._call(lambda: self._emulator.faults.switch(name, on=on, times=times))

    def answer(self, path: str, *, status: int = 200, body: str = "", times: int | None = None) -> None:
        """Replace the raw answer of one path."""
        self._call(lambda: self._emulator.control.order(AnswerOrder(path=path, status=status, body=body, times=times)))

    def claims(self, person: str, **claims: object) -> None:
        """Tell this of `person` in place of what is so, in signed tokens as well; None leaves a claim out.

        The names are the upstream's own. Without claims the truth is told again.
        """
        self._call(lambda: self._emulator.control.tell(ClaimsOrder(person=person, claims=claims)))

    def log(self) -> list[dict[str, object]]:
        """The requests seen since the last `clear`."""
        found: list[dict[str, object]] = self._call(lambda: list(self._emulator.control.seen))
        return found

    def clear(self) -> None:
        """Faults, answers, choice, log, people, claims, codes and tokens: all as at the start."""
        self._call(self._emulator.control.clear)


class People:
    """Who has an account at the upstreams: the three of the demo, until a test adds somebody."""

    def __init__(self, emulators: Mapping[str, Emulator], call: Callable[[Callable[[], Any]], Any]) -> None:
        self._emulators = emulators
        self._call = call

    def add(self, key: str, **about: str) -> None:
        """Somebody with an account at every upstream until cleared; `about`: texts of `broker.demo.people.Person`.

        The same key again, or that of one of the three, is the same person with other things to tell.
        """
        order = PersonOrder.model_validate({"key": key, **about})
        for emulator in self._emulators.values():
            self._call(partial(emulator.control.add, order))

    def check(self, key: str) -> None:
        """Raise LookupError, with the names of those there are, for a person nobody knows."""
        known = {key: person for one in self._emulators.values() for key, person in one.people.items()}
        if key not in known:
            raise UnknownPerson(key, known)
