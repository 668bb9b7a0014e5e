"""What operators may ask and try of webhooks."""

from __future__ import annotations

from typing import Final

from broker.core.operators.question import Parameter, UseCase

WEBHOOKS: Final = (
    UseCase(
        "webhook.list",
        "List the webhooks: what each hears of, and how many events are on their way to it.",
        writes=False,
        own=(),
    ),
    UseCase(
        "webhook.test",
        "Send a webhook an event that says nothing, at once and once, and tell what it answered.",
        writes=True,
        own=(Parameter("name", "The webhook, as the configuration calls it.", required=True, named=False),),
    ),
)
