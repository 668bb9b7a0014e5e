"""One gate for everybody: is this person, through this provider, still welcome at this client?

Asked wherever something is issued or accepted: login, silent sign-on, code, refresh, userinfo.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from broker.core.clients.client import Client
from broker.core.errors import AccountBlocked
from broker.core.people.identity import Person
from broker.core.records import Login


class Refusal(Enum):
    """Why somebody is not welcome: whoever asks says what follows."""

    GONE = "there is no such account, or the link is another's"
    NOT_OFFERED = "the provider is switched off, or not for this client"
    BLOCKED = "the account is switched off"


class Standing:
    """Knows which provider instances are switched on."""

    def __init__(self, enabled: Iterable[tuple[str, str]]) -> None:
        """`enabled`: (name, internal key) of every provider instance that is on."""
        self._names: dict[str, set[str]] = {}
        for name, key in enabled:
            self._names.setdefault(key, set()).add(name)

    def admits(self, provider_key: str, client: Client) -> bool:
        """Whether people of this provider instance may use this client."""
        names = self._names.get(provider_key, set())
        return bool(names) if client.providers is None else not names.isdisjoint(client.providers)

    def check_person(self, person: Person) -> None:
        """Raise AccountBlocked when the account is switched off."""
        if person.account.blocked:
            raise AccountBlocked(f"account {person.account.sub} is blocked")

    def refusal(self, login: Login, person: Person | None, client: Client) -> Refusal | None:
        """Why a login counts no longer at this client; None where it does. `person`: whose its link is now."""
        if person is None or person.account.sub != login.sub:
            return Refusal.GONE
        if not self.admits(login.provider_key, client):
            return Refusal.NOT_OFFERED
        return Refusal.BLOCKED if person.account.blocked else None
