"""Account linking: what happens when somebody unknown arrives who may be known by another way in.

One table; `broker policy explain` prints a cell of it. No cell joins anything: what it says is offered, and only a
login at the other way joins.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from broker.core.people.identity import Claims

FRESH = 300  # seconds since somebody was asked who they are in which ways in may be added and taken away (threats D7)


class LinkingPolicy(StrEnum):
    """What the operator chose for a provider."""

    EXPLICIT = "explicit"
    CONFIRM = "confirm"
    VERIFIED_EMAIL = "verified_email"


class Vouched(StrEnum):
    """What the upstream says of the address: nothing, unproven, proven, or proven in a domain it answers for."""

    NOTHING = "nothing"
    UNVERIFIED = "unverified"
    VERIFIED = "verified"
    TRUSTED = "trusted"


class Known(StrEnum):
    """What points at an account here: nobody, an unproven address, another way this browser used last, a proven one."""

    NOBODY = "nobody"
    UNVERIFIED = "unverified"
    BROWSER = "browser"
    VERIFIED = "verified"


class Outcome(StrEnum):
    """What follows.

    `new`: a new account, without a question. `offer`: a page asks whether they have an account, naming none. `prove`:
    the page names the ways of the account with this address. Declining either makes a new account.
    """

    NEW = "new"
    OFFER = "offer"
    PROVE = "prove"


_NEW, _OFFER, _PROVE = Outcome.NEW, Outcome.OFFER, Outcome.PROVE

# The columns are those of `Known`. An unproven address is worth nothing on either side (threats D1, D2).
TABLE: Mapping[LinkingPolicy, Mapping[Vouched, tuple[Outcome, Outcome, Outcome, Outcome]]] = {
    LinkingPolicy.EXPLICIT: {
        Vouched.NOTHING: (_NEW, _NEW, _NEW, _NEW),
        Vouched.UNVERIFIED: (_NEW, _NEW, _NEW, _NEW),
        Vouched.VERIFIED: (_NEW, _NEW, _NEW, _NEW),
        Vouched.TRUSTED: (_NEW, _NEW, _NEW, _NEW),
    },
    LinkingPolicy.CONFIRM: {
        Vouched.NOTHING: (_NEW, _NEW, _OFFER, _NEW),
        Vouched.UNVERIFIED: (_NEW, _NEW, _OFFER, _NEW),
        Vouched.VERIFIED: (_NEW, _NEW, _OFFER, _OFFER),
        Vouched.TRUSTED: (_NEW, _NEW, _OFFER, _OFFER),
    },
    LinkingPolicy.VERIFIED_EMAIL: {
        Vouched.NOTHING: (_NEW, _NEW, _OFFER, _NEW),
        Vouched.UNVERIFIED: (_NEW, _NEW, _OFFER, _NEW),
        Vouched.VERIFIED: (_NEW, _NEW, _OFFER, _OFFER),
        Vouched.TRUSTED: (_NEW, _NEW, _OFFER, _PROVE),
    },
}


def decide_linking(policy: LinkingPolicy, vouched: Vouched, known: Known) -> Outcome:
    """The cell."""
    return TABLE[policy][vouched][tuple(Known).index(known)]


@dataclass(frozen=True, slots=True)
class LinkingRule:
    """What the operator chose for one provider, and so its rows. `domains`: those that the upstream answers for."""

    policy: LinkingPolicy = LinkingPolicy.EXPLICIT
    domains: Collection[str] = ()

    def decide(self, claims: Claims, known: Known) -> Outcome:
        """The cell of an identity with these claims."""
        return decide_linking(self.policy, read_vouched(claims, self.domains), known)

    def address(self, claims: Claims) -> str | None:
        """The address to look for accounts by, folded; None where no account with it would change anything.

        So nobody learns from a page, or from the time it takes, whether somebody else has an account (threats D18).
        """
        if self.decide(claims, Known.VERIFIED) is self.decide(claims, Known.NOBODY):
            return None
        return fold_address(claims["email"])


ASKS_NOBODY = LinkingRule()


def read_vouched(claims: Claims, domains: Collection[str]) -> Vouched:
    """What an identity's claims say of its address; `domains` are those that the upstream answers for.

    Only the JSON value `true` proves an address, and only one that cannot be mistaken for another is compared at all.
    """
    address = claims.get("email")
    if not isinstance(address, str):
        return Vouched.NOTHING
    folded = fold_address(address)
    if claims.get("email_verified") is not True or folded is None:
        return Vouched.UNVERIFIED
    return Vouched.TRUSTED if folded.partition("@")[2] in domains else Vouched.VERIFIED


def fold_address(address: str) -> str | None:
    """The form in which addresses are compared, None for one that is never compared (threats D14).

    ASCII case is folded and nothing else: dots and tags mean something to some hosts and nothing to others.
    """
    return address.lower() if address.isascii() and address.count("@") == 1 else None
