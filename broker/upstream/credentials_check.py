"""Whether an upstream knows us, found out without anybody who signs in: by a call that can do no harm."""

from __future__ import annotations

from collections.abc import Awaitable, Set
from dataclasses import dataclass
from typing import Final

from broker.core.errors import UpstreamError, UpstreamRejected

MADE_UP: Final = "made-up-by-broker-check"
"""A code, or a refresh token, that no upstream gave to anybody."""

_UNAUTHORIZED: Final = 401  # of an endpoint where clients show who they are (RFC 6749 section 5.2)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`good`: the upstream took our credentials; None: what it answered does not say. `detail`: what it answered."""

    good: bool | None
    detail: str


async def judge(call: Awaitable[object], *, knows_us: Set[str], refuses_us: Set[str], taken: bool | None) -> Verdict:
    """What `call` came to: an error of one set or the other, by name, or an answer, which means `taken`.

    `knows_us` go first: there are upstreams that answer 401 to a code, too.
    """
    try:
        await call
    except UpstreamRejected as error:
        refused = error.error in refuses_us or error.answered == _UNAUTHORIZED
        return Verdict(True if error.error in knows_us else False if refused else None, error.detail)
    except UpstreamError as error:
        return Verdict(None, error.detail)
    return Verdict(taken, "it was answered")
