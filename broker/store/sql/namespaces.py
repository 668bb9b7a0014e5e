"""Which set of people a provider stands for, and since when."""

from __future__ import annotations

from collections.abc import Callable

from broker.store.people import NamespaceChanged
from broker.store.sql.steps import Steps, do, every, one


def find_namespace(alias: str, namespace: str, randomness: Callable[[int], bytes]) -> Steps[str]:
    """Its key, made where there is none; raises NamespaceChanged.

    A namespace seen before keeps its id whatever alias it goes by now, so renaming a provider keeps its people, and an
    operator who sets `namespace:` to one that exists has decided on purpose. Refused is only an alias that turns from
    linked people to a set never seen, since that is what a mistaken app id or tenant looks like. To begin anew on
    purpose, give the provider a new alias; once the namespace is known the alias may be changed back.
    """
    row = yield from one("SELECT provider_key FROM namespaces WHERE namespace = ?", namespace)
    key = str(row[0]) if row is not None else randomness(16).hex()
    if row is None:
        yield from _refuse_strangers(alias, namespace)
        yield from do("INSERT INTO namespaces (namespace, provider_key) VALUES (?, ?)", namespace, key)
    yield from do(
        """INSERT INTO aliases (alias, namespace) VALUES (?, ?)
           ON CONFLICT (alias) DO UPDATE SET namespace = excluded.namespace""",
        alias,
        namespace,
    )
    return key


def _refuse_strangers(alias: str, namespace: str) -> Steps[None]:
    rows = yield from every(
        """SELECT max(aliases.namespace), count(links.id)
           FROM aliases JOIN namespaces USING (namespace) JOIN links USING (provider_key)
           WHERE aliases.alias = ?""",
        alias,
    )
    before, count = rows[0]
    if count:
        raise NamespaceChanged(alias, before=before, after=namespace, links=count)
