"""Who may come in: what an operator demands of whoever an upstream vouches for, and who may get an account (ADR 72).

A policy only ever shuts. What it asks about has to be told and has to be proven: a claim that is missing, and an
address that nobody verified, open nothing (threats D15).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from broker.core.expressions import holds
from broker.core.people.cleaning import plain_domain
from broker.core.people.identity import Claims
from broker.core.people.linking import fold_address

_PROVEN: Final = ("email", "phone_number")


class SignUp(StrEnum):
    """Who gets an account: whoever comes, nobody new, or of the new ones those who were invited."""

    OPEN = "open"
    INVITED = "invited"
    KNOWN = "known"


_STRICTEST: Final = (SignUp.KNOWN, SignUp.INVITED, SignUp.OPEN)


@dataclass(frozen=True, slots=True)
class AccessRule:
    """One demand: `require` is an expression that has to come to `true`. It is asked about people of `providers`.

    Without any it is asked about everybody.
    """

    name: str
    require: str
    providers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """What one place of the configuration demands; as it stands here, nothing.

    Domains are those of verified addresses: `example.com` is that one, `*.example.com` is all below it.
    """

    sign_up: SignUp = SignUp.OPEN
    email_domains: tuple[str, ...] = ()
    denied_email_domains: tuple[str, ...] = ()
    rules: tuple[AccessRule, ...] = ()

    def barring(self, providers: Collection[str], claims: Claims, ids: Mapping[str, str]) -> str:
        """The key of the first demand that an identity does not meet, "" where it meets all.

        `providers`: the names under which people of its provider may come.
        """
        if self.email_domains or self.denied_email_domains:
            domain = verified_domain(claims)
            if self.email_domains and not _is_among(domain, self.email_domains):
                return "email_domains"
            if not domain or _is_among(domain, self.denied_email_domains):
                return "denied_email_domains"
        told = document(claims, ids) if self.rules else {}
        for rule in self.rules:
            if rule.providers and rule.providers.isdisjoint(providers):
                continue
            if not holds(rule.require, told):
                return f"rules.{rule.name}"
        return ""


NO_POLICY: Final = AccessPolicy()


def strictest(*said: SignUp) -> SignUp:
    """Who gets an account where all of them hold."""
    return next(one for one in _STRICTEST if one in said)


def document(claims: Claims, ids: Mapping[str, str]) -> dict[str, Any]:
    """What rules are asked about: claims and identifiers by their names, and of addresses those that are proven."""
    told: dict[str, Any] = {**ids, **claims}
    for name in _PROVEN:
        if told.get(f"{name}_verified") is not True:
            told.pop(name, None)
    return told


def verified_domain(claims: Claims) -> str:
    """The domain of an address that the upstream proved, "" without one."""
    address = claims.get("email")
    folded = fold_address(address) if isinstance(address, str) and claims.get("email_verified") is True else None
    return folded.partition("@")[2] if folded else ""


def parse_domain_pattern(text: str) -> str:
    """A domain, or `*.` and a domain, in lower case and A-labels; raises ValueError."""
    below, domain = ("*.", text[2:]) if text.startswith("*.") else ("", text)
    plain = plain_domain(domain)
    if plain is None or "." not in plain:
        raise ValueError("write a domain, as example.com, or *.example.com for all below it")
    return below + plain


def _is_among(domain: str, patterns: tuple[str, ...]) -> bool:
    return bool(domain) and any(domain.endswith(one[1:]) if one.startswith("*.") else domain == one for one in patterns)
