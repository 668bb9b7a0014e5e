"""Browsers that have been here, told from those that say so: for counting, and for nothing else."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from broker.core.errors import SealBroken
from broker.core.seal import Randomness, Seal
from broker.web.http.cookies import VISITOR, Cookies

_LIFETIME = 30 * 86400  # seconds
_TIME = 8  # bytes
_NUMBER = 12  # bytes


class Visitors:
    """Gives a browser a sealed number when it first begins a login, and knows it by that afterwards.

    The number is kept nowhere and stands for no person: it is random, and ends after 30 days.
    """

    def __init__(self, seal: Seal, *, clock: Callable[[], float], randomness: Randomness) -> None:
        """`seal` of a purpose of its own."""
        self._seal = seal
        self._clock = clock
        self._randomness = randomness

    def find(self, request: Request) -> str:
        """The number this browser was given, "" when it was given none or it has ended."""
        sealed = Cookies.read(request, VISITOR)
        if not sealed:
            return ""
        try:
            plain = self._seal.open_(sealed)
        except SealBroken:
            return ""
        given_at = int.from_bytes(plain[:_TIME], "big")
        return plain[_TIME:].hex() if self._clock() < given_at + _LIFETIME else ""

    def remember(self, request: Request, response: Response) -> None:
        """Give this browser a number, unless it has one."""
        if not self.find(request):
            plain = int(self._clock()).to_bytes(_TIME, "big") + self._randomness(_NUMBER)
            Cookies.remember_visitor(response, self._seal.seal(plain), ttl=_LIFETIME)
