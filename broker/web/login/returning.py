"""Who used this browser last: the provider for its badge, and the name for `Continue as Ada`, sealed in a cookie."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from broker.core.errors import SealBroken
from broker.core.people.identity import Link
from broker.core.records import KnownPerson
from broker.core.seal import Seal
from broker.services.people.accounts import pick_name
from broker.web.http.cookies import LAST_PROVIDER, PERSON, Cookies

_LONGEST = 80  # characters of a name; a cookie is sent with every request


class LastLogin:
    """Kept by the browser alone, for pages to offer and for nothing else: it logs nobody in."""

    def __init__(self, seal: Seal, *, shown: bool, ttl: int) -> None:
        """`seal` of a purpose of its own; `shown`: pages may offer it at all. `ttl` in seconds."""
        self._seal = seal
        self._shown = shown
        self._ttl = ttl

    def remember(self, response: Response, link: Link) -> None:
        """Somebody has just logged in by this way."""
        Cookies.remember_provider(response, link.provider, ttl=self._ttl)
        name = pick_name(link.claims)[:_LONGEST]
        if self._shown and name:
            sealed = self._seal.seal(KnownPerson(link.provider, name).to_bytes())
            Cookies.remember_person(response, sealed, ttl=self._ttl)
        else:
            Cookies.forget_person(response)

    def provider(self, request: Request) -> str:
        """The name of the provider used last, or "" where nobody is to see it."""
        return Cookies.read(request, LAST_PROVIDER) if self._shown else ""

    def person(self, request: Request) -> KnownPerson | None:
        """Whoever logged in last and did not log out; None where it is not known."""
        sealed = Cookies.read(request, PERSON)
        if not sealed or not self._shown:
            return None
        try:
            return KnownPerson.from_bytes(self._seal.open_(sealed))
        except SealBroken:
            return None
