"""Ways in, tied together: what a person, or an app for them, adds, removes and joins."""

from __future__ import annotations

from dataclasses import dataclass

from broker.assembly.parts import Parts
from broker.services.carried import Carried
from broker.services.clients.directory import Clients
from broker.services.people.brought import BroughtLinks
from broker.services.people.held import HeldIdentities
from broker.services.people.linking import Linking
from broker.services.people.lookup import Lookup
from broker.services.people.merging import Merging
from broker.services.people.offers import Offers
from broker.services.people.returns import LinkReturns
from broker.services.people.standing import Standing
from broker.services.people.unlinking import Unlinking
from broker.services.posted import PostedCredentials
from broker.services.sessions.single_sign_on import Sessions
from broker.services.tokens.admission import Admission
from broker.services.tokens.identities import Identities


@dataclass(frozen=True, slots=True)
class Joins:
    """What joins a way in to an account in a browser: the proof that is held, the offer made of it, the question."""

    held: HeldIdentities
    offers: Offers
    linking: Linking


def build_joins(parts: Parts, directory: Clients, sessions: Sessions, merging: Merging, standing: Standing) -> Joins:
    """Where two accounts turn out to be one person's, `merging` makes them one."""
    context, people, transient = parts.context, parts.durable.people, parts.transient
    held = HeldIdentities(context, transient, parts.providers, standing)
    offers = Offers(people, parts.providers, held, Carried(context, transient, parts.seal("join")))
    linking = Linking(
        context,
        people,
        held,
        Carried(context, transient, parts.seal("link")),
        offers=offers,
        sessions=sessions,
        merging=merging,
        returns=LinkReturns(context.issuer, directory),
    )
    return Joins(held, offers, linking)


def build_identities(
    parts: Parts, admission: Admission, standing: Standing, unlinking: Unlinking, posted: PostedCredentials
) -> Identities:
    """What apps do with the ways in of whoever gave them a token."""
    people = parts.durable.people
    return Identities(
        admission,
        people,
        providers=parts.providers,
        standing=standing,
        unlinking=unlinking,
        brought=BroughtLinks(parts.context, people, posted, standing),
    )


def build_lookup(parts: Parts, standing: Standing, posted: PostedCredentials) -> Lookup:
    """Whom apps may ask for."""
    return Lookup(
        parts.context,
        parts.durable.people,
        parts.durable.accounts,
        providers=parts.providers,
        standing=standing,
        subjects=parts.subjects,
        posted=posted,
    )
