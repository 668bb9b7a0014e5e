"""Where a failure happened, and so where it is told: carried by the failure itself, looked up by nobody later."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from broker.core.authorize.target import VerifiedRedirect
from broker.core.clients.client import Client
from broker.core.errors import (
    AlreadyLinked,
    LoginTooOld,
    NobodyAsked,
    ProviderSwitchedOff,
    RequestError,
    TooManyRequests,
)

_NAME = "whereabouts"


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """As far as it was known: `client`, whose request it was; `target`, the verified place its answers go to.

    `asked`: who is at the browser agreed to go there, so a redirect is no lure (RFC 9700 section 4.11.2). `flow`: the
    tag of the login attempt that ended here, or "".
    """

    client: Client | None = None
    target: VerifiedRedirect | None = None
    asked: bool = False
    flow: str = ""

    def within(self, outer: Whereabouts) -> Whereabouts:
        """This, and what the place around it knows besides."""
        return Whereabouts(
            client=self.client or outer.client,
            target=self.target or outer.target,
            asked=self.asked or outer.asked,
            flow=self.flow or outer.flow,
        )


@contextmanager
def located(here: Whereabouts) -> Iterator[None]:
    """Whatever fails in the body, a bug included, carries from now on that it failed here."""
    try:
        yield
    except Exception as error:
        vars(error)[_NAME] = whereabouts_of(error).within(here)
        raise


def whereabouts_of(error: Exception) -> Whereabouts:
    """What a failure carries; of one that carries nothing, nothing is known."""
    carried = vars(error).get(_NAME)
    return carried if isinstance(carried, Whereabouts) else Whereabouts()


def is_for_client(error: Exception, target: VerifiedRedirect) -> bool:
    """Whether the app hears of it: of what its developer can mend, and of everything where no person is asked.

    One that asked for a way in hears, too, when the person could not give it, or it is switched off.
    """
    if target.linking and isinstance(error, AlreadyLinked | LoginTooOld | NobodyAsked | ProviderSwitchedOff):
        return True
    return target.silent or (isinstance(error, RequestError) and not isinstance(error, TooManyRequests))
