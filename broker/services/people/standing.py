"""One gate for everybody: is this person, through this provider, still welcome at this client?

Asked wherever something is issued or accepted: login, silent sign-on, code, refresh, userinfo.
"""

from __future__ import annotations

from enum import Enum

from broker.core.clients.client import Client
from broker.core.errors import AccountBlocked, AccountClosing
from broker.core.people.identity import Account, Person
from broker.core.records import Login
from broker.services.providers import Providers


class Refusal(Enum):
    """Why somebody is not welcome: whoever asks says what follows."""

    GONE = "there is no such account, or the link is another's"
    NOT_OFFERED = "the provider is switched off, or not for this client"
    OFF = "the provider was switched off by an operator, for now"
    BLOCKED = "the account is switched off"
    CLOSING = "the account is to be deleted, as its person asked"


class Standing:
    """Asks which provider instances are on, each time anew: an operator may switch one off while we run."""

    def __init__(self, providers: Providers) -> None:
        self._providers = providers

    def admits(self, provider_key: str, client: Client | None) -> bool:
        """Whether people of this provider instance may use this client; None: the account page."""
        names = self._providers.names_of(provider_key)
        return bool(names) if client is None or client.providers is None else not names.isdisjoint(client.providers)

    def check_account(self, account: Account, *, at_home: bool = False) -> None:
        """Raise AccountBlocked when the account is switched off, AccountClosing when it is to be deleted.

        `at_home`: they come to their account page, where they may still call that off.
        """
        if account.blocked:
            raise AccountBlocked(f"account {account.sub} is blocked")
        if account.closes_at is not None and not at_home:
            raise AccountClosing(f"account {account.sub} is to be deleted", closes_at=account.closes_at)

    def refusal(self, login: Login, person: Person | None, client: Client | None) -> Refusal | None:
        """Why a login counts no longer at this client; None where it does. `person`: whose its link is now.

        Without a client: at the account page, which lets in who is to be deleted.
        """
        if person is None or person.account.sub != login.sub:
            return Refusal.GONE
        if not self.admits(login.provider_key, client):
            return Refusal.OFF if self._providers.switched_off(login.provider_key) else Refusal.NOT_OFFERED
        if person.account.blocked:
            return Refusal.BLOCKED
        return Refusal.CLOSING if person.account.closes_at is not None and client is not None else None
