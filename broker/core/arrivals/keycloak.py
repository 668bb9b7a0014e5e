"""People of a Keycloak realm, from what `kc.sh export` writes: the realm, and files of users beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from broker.core.arrivals.newcomer import Newcomer, Source, Way

Document = Mapping[str, Any]


def read_keycloak(documents: Iterable[Document]) -> Source:
    """Everybody of all of them, each with their federated identities; raises KeyError with the name of what is missing.

    RealmRepresentation, UserRepresentation and FederatedIdentityRepresentation of Keycloak's Admin REST API (read
    2026-11); `id` of a user is what its clients get as `sub`.
    """
    people: list[Newcomer] = []
    kinds: dict[str, str] = {}
    apps: dict[str, frozenset[str]] = {}
    for document in documents:
        for provider in document.get("identityProviders", ()):
            kinds[provider["alias"]] = provider["providerId"]
            client_id = provider.get("config", {}).get("clientId")
            apps[provider["alias"]] = frozenset({client_id} if client_id else ())
        people += map(_person, document.get("users", ()))
    return Source(tuple(people), kinds, apps)


def _person(user: Document) -> Newcomer:
    """Of what they are called the realm's word is all there is: what an upstream said was not kept apart."""
    given, family = (str(user.get(name) or "").strip() for name in ("firstName", "lastName"))
    told = {"name": f"{given} {family}".strip(), "given_name": given, "family_name": family}
    claims = {name: text for name, text in told.items() if text}
    ways = [Way(one["identityProvider"], one["userId"], claims) for one in user.get("federatedIdentities", ())]
    created = int(user.get("createdTimestamp") or 0) // 1000  # it is in milliseconds
    return Newcomer(user["id"], tuple(ways), created, blocked=not user.get("enabled", True))
