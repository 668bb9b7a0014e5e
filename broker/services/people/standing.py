"""One gate for everybody: is this person, through this provider, still welcome at this client?

Asked wherever something is issued or accepted: login, silent sign-on, code, refresh, userinfo.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from broker.core.access import NO_POLICY, AccessPolicy, SignUp, strictest
from broker.core.clients.client import Client
from broker.core.errors import AccessBarred, AccountBlocked, AccountClosing
from broker.core.events import Event, Recorder
from broker.core.people.identity import Account, Link, Person
from broker.core.records import Login
from broker.services.providers import Providers


class Refusal(Enum):
    """Why somebody is not welcome: whoever asks says what follows."""

    GONE = "there is no such account, or the link is another's"
    NOT_OFFERED = "the provider is switched off, or not for this client"
    OFF = "the provider was switched off by an operator, for now"
    BLOCKED = "the account is switched off"
    BARRED = "the operator's access policy does not let them in"
    CLOSING = "the account is to be deleted, as its person asked"


class Standing:
    """Asks which provider instances are on, each time anew: an operator may switch one off while we run."""

    def __init__(self, providers: Providers, recorder: Recorder, access: AccessPolicy = NO_POLICY) -> None:
        """`access` holds for everybody, whatever a client demands besides."""
        self._providers = providers
        self._recorder = recorder
        self._access = access

    def admits(self, provider_key: str, client: Client | None) -> bool:
        """Whether people of this provider instance may use this client; None: the account page."""
        names = self._providers.names_of(provider_key)
        return bool(names) if client is None or client.providers is None else not names.isdisjoint(client.providers)

    def barring(self, link: Link, client: Client | None) -> str:
        """The key of the configuration that keeps out whoever comes by this link now, "" where they may come.

        What counts is what the upstream said last. Without a client: at the account page.
        """
        names = self._providers.names_of(link.provider_key)
        if demand := self._access.barring(names, link.claims, link.raw_ids):
            return f"access.{demand}"
        if client is not None and (demand := client.access.barring(names, link.claims, link.raw_ids)):
            return f"clients.{client.id}.access.{demand}"
        return ""

    def admits_any(self, links: Iterable[Link], client: Client) -> bool:
        """Whether the access policy lets somebody in by one of their ways at least."""
        return any(not self.barring(link, client) for link in links)

    def check_admitted(self, link: Link, client: Client | None, sub: str = "") -> None:
        """Raise AccessBarred where the access policy does not let in whoever comes by this link; the operator is told.

        `sub`: whose link it is, "" for nobody's.
        """
        if demand := self.barring(link, client):
            self.tell_refused(link, client, demand, sub)
            raise AccessBarred(demand)

    def check_person(self, person: Person, client: Client | None) -> None:
        """Raise as `check_account` and `check_admitted`. Without a client: at the account page."""
        self.check_account(person.account, at_home=client is None)
        self.check_admitted(person.link, client, person.account.sub)

    def sign_up(self, client: Client) -> SignUp:
        """Who gets an account at this client."""
        return strictest(self._access.sign_up, client.access.sign_up)

    def tell_refused(self, link: Link, client: Client | None, demand: str, sub: str = "") -> None:
        """The operator hears that somebody does not meet this demand."""
        client_id = client.id if client else ""
        self._recorder.record(Event.ACCESS_REFUSED, provider=link.provider, client_id=client_id, sub=sub, demand=demand)

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
        if self.barring(person.link, client):
            return Refusal.BARRED
        return Refusal.CLOSING if person.account.closes_at is not None and client is not None else None
