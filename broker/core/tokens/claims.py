"""Which claim goes where: scopes and the `claims` parameter against what an upstream said (OIDC Core 5.4, 5.5)."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any

from broker.core.clients.client import Client
from broker.core.people.extra_claims import extra_of, join_claims, parse_value
from broker.core.people.identity import Person
from broker.core.terms import CLAIMS_OF, Scope

SUPPORTED = ("sub", *dict.fromkeys(name for names in CLAIMS_OF.values() for name in names))
_SCOPE_OF = {name: scope for scope, names in CLAIMS_OF.items() for name in names}
_PARTS_OF_NAME = frozenset({"given_name", "family_name", "middle_name"})


def build_claims(
    person: Person,
    client: Client,
    scope: Iterable[str],
    wanted: Mapping[str, Any] | None = None,
    *,
    granted: Iterable[str] = (),
) -> dict[str, Any]:
    """The person's claims for one place (ID token or userinfo), without `sub`.

    `wanted` is that place's part of the `claims` parameter. It can name single claims of a scope that was not asked
    for, but only of scopes this client may have: the parameter never gives more than the registration. `granted` is
    what was granted, where `scope` is less: one of the client's own claims is told for that alone, for the person was
    asked about its scope and not about it.
    """
    scope = tuple(scope)
    names = {name for word in scope for name in CLAIMS_OF.get(word, ())}
    if wanted:
        names |= set(select_claims(wanted, client))
    for name in ("email", "phone_number"):  # an address never travels without the word on who verified it
        if name in names:
            names.add(f"{name}_verified")
    known = _known(person, client)
    told = {name: known[name] for name in SUPPORTED if name in names and name in known}
    named = {name: value for name, value in build_extra(person, client, granted).items() if name in (wanted or ())}
    return told | named | build_extra(person, client, scope)


def build_extra(person: Person, client: Client, scope: Iterable[str]) -> dict[str, Any]:
    """The claims beside the standard ones that these scopes bring at this client, by the names it has for them."""
    kept = join_claims(extra_of(person.link.claims), person.account.claims)
    names = [pair for word in scope for pair in client.tokens.extra_claims.get(word, {}).items()]
    return {name: value for name, own in names if own in kept and (value := _as_told(name, kept[own])) is not None}


def build_access_claims(person: Person, client: Client, scope: Iterable[str]) -> dict[str, Any]:
    """Of these the ones that the APIs learn which this client calls: by its access tokens, and by introspection."""
    return {
        name: value
        for name, value in build_extra(person, client, scope).items()
        if name in client.tokens.access_token_claims
    }


def _as_told(name: str, value: Any) -> Any:
    """The value as its name promises, None for one that is nothing of the kind.

    A standard claim about how somebody is shown is a text (OIDC Core 5.1), groups and roles are lists.
    """
    try:
        told = parse_value(name, value)
    except ValueError:
        return None
    return told if name not in _SCOPE_OF or isinstance(told, str) else None


def select_claims(wanted: Iterable[str], client: Client) -> tuple[str, ...]:
    """Those of the claims named in a `claims` parameter that this client may have at all."""
    own = {name for scope, names in client.tokens.extra_claims.items() if scope in client.scopes for name in names}
    return tuple([name for name in wanted if _SCOPE_OF.get(name) in client.scopes or name in own])


def build_asked_scope(scope: Iterable[str], claims: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """What a request comes to for the person: its scope, and the scopes its `claims` parameter reaches into.

    Consent is asked and remembered for these: nobody gets an address by naming the claim instead of the scope.
    """
    reached = (_SCOPE_OF[name] for wanted in claims.values() for name in wanted if name in _SCOPE_OF)
    return tuple(dict.fromkeys((*scope, *reached)))


def _known(person: Person, client: Client) -> dict[str, Any]:
    link = person.link
    known = {name: value for name, value in link.claims.items() if name in _SCOPE_OF and name != "identities"}
    if "email" not in known and client.email_fallback:
        known |= {"email": client.email_fallback.replace("{sub}", person.account.sub), "email_verified": False}
    known["identities"] = [{**link.raw_ids, "provider": link.provider, "subject": link.subject}]
    known["updated_at"] = link.seen_at
    return known


def preview(
    person: Person, client: Client, scope: Iterable[str], claims: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, str]]:
    """By scope, the claims that this request would come to now, as texts for the person to look at.

    A scope of which the upstream said nothing is empty. What tells nothing of the person is left out: whether an
    address was verified, when the claims were read, the parts of a name that is there as a whole, and a second claim
    that says the same.
    """
    scope = tuple(scope)
    named = {name: None for wanted in claims.values() for name in wanted}
    told = build_claims(person, client, scope, named, granted=scope)
    hidden = _PARTS_OF_NAME if "name" in told else frozenset[str]()
    texts = {name: _as_text(value) for name, value in told.items() if name not in hidden}
    return {
        word: _once({name: texts[name] for name in claims_of(word, client) if texts.get(name)})
        for word in describe(build_asked_scope(scope, claims))
    }


def claims_of(scope: str, client: Client) -> tuple[str, ...]:
    """The names of all claims that this scope may bring at this client."""
    return tuple(dict.fromkeys((*CLAIMS_OF.get(scope, ()), *client.tokens.extra_claims.get(scope, ()))))


def _once(texts: Mapping[str, str]) -> dict[str, str]:
    first = {text: name for name, text in reversed(tuple(texts.items()))}
    return {name: text for name, text in texts.items() if first[text] == name}


def leave_out(claims: Mapping[str, Mapping[str, Any]], scope: Container[str]) -> dict[str, dict[str, Any]]:
    """A `claims` parameter without what it reaches into these scopes for."""
    kept = {
        place: {name: wish for name, wish in wanted.items() if _SCOPE_OF.get(name, "") not in scope}
        for place, wanted in claims.items()
    }
    return {place: names for place, names in kept.items() if names}


def _as_text(value: Any) -> str:
    """A claim as people read it, "" for one that is no text: an address on one line, an identity by its two names."""
    if isinstance(value, str):
        return " ".join(value.split())
    if isinstance(value, Mapping) and "subject" in value:
        return f"{value['provider']}: {value['subject']}"
    if isinstance(value, Mapping):
        return _as_text(value.get("formatted")) or ", ".join(filter(None, map(_as_text, value.values())))
    return ", ".join(filter(None, map(_as_text, value))) if isinstance(value, list | tuple) else ""


def describe(scope: Iterable[str]) -> tuple[str, ...]:
    """The scopes a person is asked about, in the order of `Scope`; `openid` alone tells nothing about them."""
    asked = set(scope)
    return tuple(word for word in Scope if word in asked and word is not Scope.OPENID)
