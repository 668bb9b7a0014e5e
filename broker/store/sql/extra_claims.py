"""`broker.store.extra_claims` in SQL."""

from __future__ import annotations

from typing import Any

import orjson

from broker.core.people.extra_claims import check_size
from broker.store.extra_claims import ExtraClaimStore, StaticClaim
from broker.store.sql.steps import Repository, Steps, do, every, one, read, write


class SqlExtraClaims(Repository, ExtraClaimStore):
    """The ExtraClaimStore protocol, which says what each method promises."""

    @read
    def of_account(self, sub: str) -> Steps[tuple[StaticClaim, ...]]:
        return _all(sub)

    @write
    def put(self, sub: str, claim: StaticClaim) -> Steps[bool]:
        found = yield from one(
            "SELECT 1 FROM accounts WHERE sub = ? AND deleted_at IS NULL AND merged_into IS NULL", sub
        )
        if found is None:
            return False
        check_size({**(yield from claims_of(sub)), claim.name: claim.value})
        yield from do(
            """INSERT INTO account_claims (sub, name, value, set_at) VALUES (?, ?, ?, ?)
               ON CONFLICT (sub, name) DO UPDATE SET value = excluded.value, set_at = excluded.set_at""",
            *(sub, claim.name, orjson.dumps(claim.value).decode(), claim.set_at),
        )
        return True

    @write
    def remove(self, sub: str, name: str) -> Steps[bool]:
        return (yield from do("DELETE FROM account_claims WHERE sub = ? AND name = ?", sub, name)) == 1


def claims_of(sub: str) -> Steps[dict[str, Any]]:
    """What is set of this account, by name."""
    return {one.name: one.value for one in (yield from _all(sub))}


def _all(sub: str) -> Steps[tuple[StaticClaim, ...]]:
    rows = yield from every("SELECT name, value, set_at FROM account_claims WHERE sub = ? ORDER BY name", sub)
    return tuple([StaticClaim(name, orjson.loads(value), set_at) for name, value, set_at in rows])
