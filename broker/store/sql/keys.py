"""`broker.store.keys` in SQL."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from broker.core.records import SigningKey
from broker.store.keys import KeyStore
from broker.store.sql.steps import Driver, Repository, Steps, do, every, one, read, write


class SqlKeys(Repository, KeyStore):
    """The KeyStore protocol, which says what each method promises."""

    def __init__(self, driver: Driver, randomness: Callable[[int], bytes]) -> None:
        """`randomness` makes the id of the installation."""
        super().__init__(driver)
        self._randomness = randomness

    @read
    def signing_keys(self) -> Steps[tuple[SigningKey, ...]]:
        return signing_keys()

    @write
    def add(self, key: SigningKey) -> Steps[bool]:
        return _add(key)

    @write
    def retire(self, kid: str, *, at: int) -> Steps[bool]:
        """Never an INSERT: a node that saw the key before it was removed brings none back."""
        changed = yield from do("UPDATE signing_keys SET retired_at = ? WHERE kid = ? AND retired_at IS NULL", at, kid)
        return changed == 1

    @write
    def delete(self, kid: str) -> Steps[None]:
        return _delete(kid)

    @write
    def replace(
        self, heirs: Sequence[SigningKey], *, algorithms: Collection[str] | None
    ) -> Steps[tuple[SigningKey, ...]]:
        kept = yield from signing_keys()
        gone = tuple(key for key in kept if algorithms is None or key.algorithm in algorithms)
        for key in gone:
            yield from _delete(key.kid)
        for heir in heirs:
            yield from _add(heir)
        return gone

    @read
    def secret(self, name: str) -> Steps[str | None]:
        return _secret(name)

    @write
    def save_secret(self, name: str, sealed: str, *, replacing: str | None) -> Steps[str]:
        return _save_secret(name, sealed, replacing)

    @write
    def installation(self) -> Steps[str]:
        return _save_secret("installation", self._randomness(16).hex(), None)


def signing_keys() -> Steps[tuple[SigningKey, ...]]:
    """Oldest first."""
    rows = yield from every(
        """SELECT kid, algorithm, sealed, public_jwk, created_at, active_at, retired_at
           FROM signing_keys ORDER BY created_at, kid"""
    )
    return tuple(SigningKey(*row) for row in rows)


def _add(key: SigningKey) -> Steps[bool]:
    added = yield from do(
        """INSERT INTO signing_keys (kid, algorithm, sealed, public_jwk, created_at, active_at, retired_at)
           VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING""",
        key.kid,
        key.algorithm,
        key.sealed,
        key.public_jwk,
        key.created_at,
        key.active_at,
        key.retired_at,
    )
    return added == 1


def _delete(kid: str) -> Steps[None]:
    yield from do("DELETE FROM signing_keys WHERE kid = ?", kid)


def _secret(name: str) -> Steps[str | None]:
    row = yield from one("SELECT sealed FROM secrets WHERE name = ?", name)
    return None if row is None else str(row[0])


def _save_secret(name: str, sealed: str, replacing: str | None) -> Steps[str]:
    if replacing is None:
        yield from do("INSERT INTO secrets (name, sealed) VALUES (?, ?) ON CONFLICT DO NOTHING", name, sealed)
    else:
        yield from do("UPDATE secrets SET sealed = ? WHERE name = ? AND sealed = ?", sealed, name, replacing)
    return (yield from _secret(name)) or ""
