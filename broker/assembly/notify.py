"""Messages to people, tied together: those who take orders, and the worker that sends."""

from __future__ import annotations

from dataclasses import dataclass

from broker.assembly.parts import Parts, Settings
from broker.core.notify import NOTIFY
from broker.services.notify.orders import Addressees, Orders
from broker.services.notify.sending import Sending
from broker.services.people.standing import Standing
from broker.services.tokens.admission import Admission


@dataclass(frozen=True, slots=True)
class Notify:
    """`on`: an app of the operator's has the scope; without, nobody can order anything and nothing is sent."""

    on: bool
    orders: Orders
    sending: Sending

    @property
    def worker(self) -> Sending | None:
        """What has to run beside the requests; None where nobody can order, or nothing can send."""
        return self.sending if self.on and self.sending.can else None


def build_notify(parts: Parts, settings: Settings, admission: Admission, standing: Standing) -> Notify:
    """Over the store, with one seal for those who write and those who read."""
    context, store, seal = parts.context, parts.durable.notify, parts.seal("notification")
    sending = Sending(
        context,
        store,
        parts.providers,
        seal=seal,
        pace=settings.notify.pace,
        on_crash=parts.observer.on_crash,
        off=parts.off,
    )
    addressees = Addressees(
        context,
        store,
        parts.durable.accounts,
        parts.durable.people,
        providers=parts.providers,
        standing=standing,
        subjects=parts.subjects,
    )
    orders = Orders(
        context,
        store,
        addressees,
        admission,
        seal=seal,
        key=parts.derive("notification")[0],
        rules=settings.notify,
        queued=sending.push,
    )
    on = any(NOTIFY in client.service_scopes for client in settings.clients.values())
    return Notify(on, orders, sending)
