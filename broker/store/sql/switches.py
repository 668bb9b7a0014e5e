"""`broker.store.switches` in SQL."""

from __future__ import annotations

from broker.core.switches import Switch, Switchable
from broker.store.sql.steps import Repository, Steps, do, every, read, write
from broker.store.switches import SwitchStore


class SqlSwitches(Repository, SwitchStore):
    """The SwitchStore protocol, which says what each method promises."""

    @read
    def off(self) -> Steps[tuple[Switch, ...]]:
        return (yield from switched_off())

    @write
    def turn_off(self, switch: Switch) -> Steps[bool]:
        done = yield from do(
            """INSERT INTO switched_off (kind, name, since, why, operator) VALUES (?, ?, ?, ?, ?)
               ON CONFLICT (kind, name) DO NOTHING""",
            *(switch.kind.value, switch.name, switch.since, switch.why, switch.by),
        )
        return done == 1

    @write
    def turn_on(self, kind: Switchable, name: str) -> Steps[bool]:
        return (yield from do("DELETE FROM switched_off WHERE kind = ? AND name = ?", kind.value, name)) == 1


def switched_off() -> Steps[tuple[Switch, ...]]:
    """All that is off, for whoever has a connection of their own."""
    rows = yield from every("SELECT kind, name, since, why, operator FROM switched_off ORDER BY kind, name")
    return tuple([Switch(Switchable(kind), name, since, why, by) for kind, name, since, why, by in rows])
