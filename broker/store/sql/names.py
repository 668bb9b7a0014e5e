"""Names of people as operators look for them: words, folded, of whatever names an upstream says."""

from __future__ import annotations

import orjson

from broker.core.people.cleaning import name_words
from broker.core.people.identity import Claims, Link
from broker.store.sql.steps import Steps, do, every, one

_AT_ONCE = 200  # links per transaction


def name_of(claims: Claims) -> str:
    """As it is kept beside a link: every word with a space before it, so that one finds where words begin."""
    return "".join(f" {word}" for word in name_words(claims))


def index_name(link: Link) -> Steps[None]:
    """From now on the link, which was just written, is found by the words of its names."""
    row = yield from one("SELECT id FROM links WHERE provider_key = ? AND subject = ?", link.provider_key, link.subject)
    if row is not None:
        yield from _index(row[0], name_of(link.claims))


def is_called(link: Link) -> Steps[bool]:
    """Whether it is found by just these names already, as most are that are written again."""
    row = yield from one(
        "SELECT name FROM links WHERE provider_key = ? AND subject = ?", link.provider_key, link.subject
    )
    return row is not None and row[0] == name_of(link.claims)


def name_some() -> Steps[int]:
    """Names of links that nobody has looked at since their table learnt of names; how many, at most two hundred."""
    rows = yield from every("SELECT id, claims FROM links WHERE name IS NULL LIMIT ?", _AT_ONCE)
    for number, claims in rows:
        name = name_of(orjson.loads(claims))
        yield from do("UPDATE links SET name = ? WHERE id = ?", name, number)
        yield from _index(number, name)
    return len(rows)


def _index(number: int, name: str) -> Steps[None]:
    yield from do("DELETE FROM name_words WHERE link_id = ?", number)
    for word in sorted(set(name.split())):
        yield from do("INSERT INTO name_words (word, link_id) VALUES (?, ?)", word, number)
