"""What operators ask and try of webhooks."""

from __future__ import annotations

from collections.abc import Mapping

from broker.core.logout import Telling
from broker.core.operators.question import Asked
from broker.services.operators.door import Handler
from broker.services.operators.told import Json
from broker.services.webhooks import Webhooks


class WebhookCases:
    """The use cases of `core.operators.webhooks`."""

    def __init__(self, webhooks: Webhooks) -> None:
        self._webhooks = webhooks

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """What answers each of them, by its name."""
        return {"webhook.list": self._list, "webhook.test": self._test}

    async def _list(self, _: Asked) -> Json:
        return {"webhooks": await self._webhooks.list_all()}

    async def _test(self, asked: Asked) -> Json:
        name = asked.text("name")
        attempt = await self._webhooks.test(name)
        taken = attempt.outcome is Telling.TOLD
        return {"name": name, "taken": taken} | ({} if taken else {"reason": attempt.reason})
