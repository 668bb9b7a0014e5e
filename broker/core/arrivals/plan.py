"""Whom of another system we could bring at all: its names become ours, and what nobody can sign in by is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from broker.core.arrivals.kinds import KINDS, OTHER, Kind
from broker.core.arrivals.newcomer import Newcomer, Source, Way


@dataclass(frozen=True, slots=True)
class Ours:
    """A provider of our configuration: its type, and the client id that we have at it."""

    kind: str
    client_id: str


@dataclass(frozen=True, slots=True)
class Names:
    """What the other system calls providers: `same` leads to our types, `apart` says why its ids are none of ours.

    `chosen` is the operator's word, which counts before both; "" leaves a name out.
    """

    same: Mapping[str, str]
    apart: Mapping[str, str]
    chosen: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Left:
    """A way in, or a whole person (no `provider`), that is left out, and why."""

    id: str
    why: str
    provider: str = ""
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """`people` may come, with providers by our names; `left` may not. `read`: how many people there were.

    `unclear`: for names of theirs the operator has to say what they are here, with the reason and how many ways in they
    have. `warnings` are of what cannot be known from here.
    """

    people: tuple[Newcomer, ...]
    left: tuple[Left, ...]
    unclear: Mapping[str, str]
    warnings: tuple[str, ...]
    read: int


def make_plan(source: Source, names: Names, ours: Mapping[str, Ours]) -> Plan:
    """Sort people and their ways in; `ours` are the providers that are on, by name."""
    used = Counter(way.provider for one in source.people for way in one.ways)
    led = {name: _lead(name, source, names, ours) for name in used}
    unclear = {name: f"{used[name]} ways in: {led[name].why}" for name in sorted(used) if led[name].asks}
    left: list[Left] = []
    people = [_translate(one, led, ours, left) for one in source.people]
    fit, twice = _without_twins([one for one in people if one is not None])
    warnings = [led[name].warning for name in sorted(used) if led[name].warning]
    return Plan(fit, (*left, *twice), unclear, tuple(warnings), len(source.people))


@dataclass(frozen=True, slots=True)
class _Led:
    """Where a name of theirs leads: our name, or "" with the reason. `asks`: only the operator can say."""

    to: str = ""
    why: str = ""
    asks: bool = False
    warning: str = ""


def _lead(name: str, source: Source, names: Names, ours: Mapping[str, Ours]) -> _Led:
    theirs = source.kinds.get(name, name)
    chosen = names.chosen.get(name)
    if chosen == "":
        return _Led(why="left out, as you said")
    if chosen is None and theirs in names.apart:
        return _Led(why=names.apart[theirs])
    fitting = [own for own, one in ours.items() if one.kind == names.same.get(theirs)]
    if chosen is None and len(fitting) != 1:
        return _Led(why="several of yours could be it" if fitting else "none of yours is certainly it", asks=True)
    to = fitting[0] if chosen is None else chosen
    if to not in ours:
        return _Led(why=f"{to} is none of your providers that are on", asks=True)
    return _judge_app(_Led(to), source.apps.get(name, frozenset()), ours[to], sure=chosen is not None)


def _judge_app(led: _Led, apps: frozenset[str], own: Ours, *, sure: bool) -> _Led:
    """Where every app sees people by other ids, only the same app sees the same. `sure`: the operator said so."""
    if not _kind(own).per_app or own.client_id in apps:
        return led
    if apps and not sure:
        why = (
            f"{led.to} has another client_id ({', '.join(sorted(apps))} there), and ids may be other ones for every app"
        )
        return _Led(why=why, asks=True)
    warning = f"nobody gets in by {led.to} unless it is the same app there as before: ids are other ones for every app"
    return replace(led, warning=warning)


def _translate(one: Newcomer, led: Mapping[str, _Led], ours: Mapping[str, Ours], left: list[Left]) -> Newcomer | None:
    """The same by our names, without ways in that cannot come; None where none can."""
    ways: list[Way] = []
    for way in one.ways:
        found = led[way.provider]
        kind = _kind(ours[found.to]) if found.to else OTHER
        if not found.to:
            left.append(Left(one.id, found.why, way.provider, way.subject))
        elif kind.shape.fullmatch(way.subject) is None:
            left.append(Left(one.id, f"no id of {ours[found.to].kind} looks like this", way.provider, way.subject))
        else:
            ways.append(Way(found.to, way.subject, _believed(way.claims, kind)))
    if not ways:
        left.append(Left(one.id, "has no way in that could come"))
        return None
    # Two names of theirs may lead to one provider of ours; the same person there is one way in.
    return replace(one, ways=tuple({(way.provider, way.subject): way for way in ways}.values()))


def _without_twins(people: Iterable[Newcomer]) -> tuple[tuple[Newcomer, ...], tuple[Left, ...]]:
    """Who shares an id or a way in with another one is left out, as the other one is: nobody guesses who is who."""
    people = tuple(people)
    ids = Counter(one.id for one in people)
    keys = Counter((way.provider, way.subject) for one in people for way in one.ways)
    fit, twice = [], []
    for one in people:
        shared = [way for way in one.ways if keys[way.provider, way.subject] > 1]
        if ids[one.id] > 1:
            twice.append(Left(one.id, "more than one has this id"))
        elif shared:
            twice.append(Left(one.id, "more than one has this way in", shared[0].provider, shared[0].subject))
        else:
            fit.append(one)
    return tuple(fit), tuple(twice)


def _kind(own: Ours) -> Kind:
    return KINDS.get(own.kind, OTHER)


def _believed(claims: Mapping[str, Any], kind: Kind) -> dict[str, Any]:
    """An address is proven only where an upstream that is believed said so itself."""
    proven = kind.proves and claims.get("email_verified") is True
    return {**claims, "email_verified": proven} if "email" in claims else dict(claims)
