"""The one door for operators: what they ask is checked by the catalogue, done, and audited with who and why."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from broker.core.errors import InsufficientScope, RequestError
from broker.core.events import Event
from broker.core.operators.catalogue import find_use_case
from broker.core.operators.question import Asked, Reach, read_values
from broker.services.context import Context
from broker.services.operators.told import Json
from broker.services.people.arrivals import Arrivals

Handler = Callable[[Asked], Awaitable[Json]]


class Operators:
    """Answers with JSON values. Each skin says who asks, and how far they may go.

    `handlers` has somebody for every use case of the catalogue, by its name. `arrivals` takes people of other systems,
    who are too many for a use case and come by commands at the machine alone.
    """

    def __init__(self, context: Context, handlers: Mapping[str, Handler], arrivals: Arrivals) -> None:
        self._context = context
        self._handlers = handlers
        self.arrivals = arrivals

    async def answer(self, name: str, values: object, *, by: str, may: Reach = Reach.MACHINE) -> Json:
        """What comes of a use case; once it is known for one, the audit stream has it, whatever comes of it.

        Raises InvalidRequest for a question that is none, InsufficientScope beyond what they `may`, NotFound where
        there is nobody or nothing like that, and what else a use case refuses.
        """
        case = find_use_case(name)
        asked = read_values(case, values, by=by)
        outcome = "failed"
        try:
            if may < case.needs:
                raise InsufficientScope(f"{name} needs more than this token may: {case.needs.name.lower()}")
            told = await self._handlers[name](asked)
            outcome = "done"
        except RequestError as refused:
            outcome = refused.code
            raise
        finally:
            self._context.recorder.record(
                Event.OPERATOR_ACTED,
                use_case=name,
                sub=asked.text("sub"),
                client_id=asked.text("client_id"),
                by=by,
                why=asked.text("why"),
                outcome=outcome,
            )
        return told
