"""Somebody as a page shows them: name, initials, the provider they came by, and what an app would be told of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from broker.core.authorize.consent import Said, asked_of
from broker.core.clients.client import Client
from broker.core.records import Login
from broker.core.tokens.claims import preview
from broker.services.authorize.questions import Question
from broker.services.people.accounts import People, pick_name
from broker.services.providers import Providers
from broker.web.pages.elsewhere import Elsewhere
from broker.web.pages.views import AskedScope, PersonView


class Persons:
    """Reads them anew for every page."""

    def __init__(self, people: People, providers: Providers) -> None:
        self._people = people
        self._providers = providers

    async def of_login(self, login: Login) -> PersonView:
        """Who is logged in, by the name their provider gave last."""
        person = await self._people.find(login)
        return self.called(pick_name(person.link.claims) if person else "", login.provider)

    def of_claims(self, claims: Mapping[str, Any], provider: str) -> PersonView:
        """Whom an upstream, the provider of this name, says these things of."""
        return self.called(pick_name(claims), provider)

    def called(self, name: str, provider: str) -> PersonView:
        """Somebody of this name, which may be "", at the provider of this name, which may be gone."""
        instance = self._providers.known(provider)
        return PersonView(
            name, build_initials(name), instance.icon if instance else "", instance.title if instance else {}
        )

    def elsewhere(self, client: Client) -> tuple[Elsewhere, ...]:
        """The accounts of people at providers that this app may use for them, as far as both agree today."""
        named = [(self._providers.named(name), scopes) for name, scopes in client.upstream_tokens.items()]
        return tuple([Elsewhere(one.name, one.title, for_) for one, for_ in named if one and one.keeps_for(client)])

    async def asked(self, question: Question, said: Said) -> tuple[PersonView, tuple[AskedScope, ...]]:
        """Who is asked, and about what, each with what it comes to now. `said`: what they answered the last time."""
        login, request = question.session.login, question.request
        person = await self._people.find(login)
        told = preview(person, question.client, request.scope, request.claims) if person else {}
        scopes = tuple(
            AskedScope(word, told.get(word, {}), optional=word in question.optional, marked=word not in said.no)
            for word in asked_of(request)
        )
        return self.called(pick_name(person.link.claims) if person else "", login.provider), scopes


def build_initials(name: str) -> str:
    """The first letters of the first and the last word, in upper case; "" for a name without letters or digits."""
    firsts = [next((letter for letter in word if letter.isalnum()), "") for word in name.split()]
    found = [letter.upper() for letter in firsts if letter]
    return "".join(found if len(found) < 2 else (found[0], found[-1]))
