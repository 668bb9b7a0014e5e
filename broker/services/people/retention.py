"""How long things about people are kept where nobody asks for them to go: housekeeping of every node (ADR 78)."""

from __future__ import annotations

from broker.services.context import Context
from broker.services.people.changes import AccountRules
from broker.services.people.deeds import Deeds
from broker.store.history import HistoryStore

_AT_ONCE = 500  # rows per transaction, so that nobody waits


class Retention:
    """Applies what the operator chose; a rule that is None keeps as long as the account."""

    def __init__(self, context: Context, history: HistoryStore, deeds: Deeds, rules: AccountRules) -> None:
        self._context = context
        self._history = history
        self._deeds = deeds
        self._rules = rules

    async def apply(self) -> int:
        """Let go of what was kept for long enough; how many events and accounts that was."""
        gone, rules = 0, self._rules
        if rules.events_kept is not None:
            until = self._context.now() - rules.events_kept
            while found := await self._history.forget_events(until=until, limit=_AT_ONCE):
                gone += found
        if rules.unused_kept is not None:
            gone += await self._deeds.close_unused(rules.unused_kept)
        return gone
