"""A client that registered itself: how it is kept, and what it is to the rest of the broker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from broker.core.clients.client import MEMBERS, Client, settle
from broker.core.clients.display_name import fold_name
from broker.core.people.subject import own_sector
from broker.core.records import Record
from broker.core.terms import Algorithm, AuthMethod, GrantType, IdTokenClaims, Pkce, Scope
from broker.core.wire.addresses import is_on_device, sector_hosts

REGISTERED_PREFIX = "dc_"  # in front of every client_id made here, so that none is ever looked for elsewhere
SECRET_METHODS = frozenset({"client_secret_basic", "client_secret_post", "client_secret_jwt"})


@dataclass(frozen=True, slots=True)
class RegistrationRules:
    """What the operator lets those have who register themselves.

    `algorithms` are those a key of ours is held for. `legacy_audience` as in `AssertionPolicy`, `id_token_claims` as in
    `TokenPolicy`: metadata has no member for it. `reserved_names` are folded: of this service, of its providers and of
    the operator's own clients.
    """

    scopes: tuple[Scope, ...]
    algorithms: tuple[Algorithm, ...]
    pkce: Pkce = Pkce.REQUIRED
    legacy_audience: bool = False
    id_token_claims: IdTokenClaims = IdTokenClaims.SCOPE
    reserved_names: frozenset[str] = frozenset()


class RegisteredClient(Record, frozen=True, tag="registered-client"):
    """`secret` is sealed, "" where it has none; `token_digest` knows its registration access token. Epoch seconds.

    `sector` is the host of the document that names all its redirect URIs, "" without one. Whether that host is proved,
    and so is the sector, is found anew at every look-up: entries of before are held to the same rule. `logo` is its
    picture as a `data:` URI, "" where none was fetched.
    """

    client_id: str
    metadata: Mapping[str, Any]
    secret: str
    token_digest: str
    sector: str
    created_at: int
    logo: str = ""


def build_registered(record: RegisteredClient, secret: str, rules: RegistrationRules) -> Client:
    """The client as the services know it; `secret` is the unsealed one. The operator's rules come first.

    Its frame is loaded at a host that it has proved to be at, or nowhere: entries of before are held to that, too.
    """
    client = build_as_said(record, secret, rules)
    if urlsplit(client.logout.frontchannel_logout_uri).hostname == client.tokens.sector:
        return client
    return replace(client, logout=replace(client.logout, frontchannel_logout_uri=""))


def build_as_said(record: RegisteredClient, secret: str, rules: RegistrationRules) -> Client:
    """The client that its metadata describe, before anything that it names has to be proved."""
    known = record.metadata
    said = {
        setting: member.kind.made(known[member.name]) for setting, member in MEMBERS.items() if member.name in known
    }
    client = settle(record.client_id, _names(record), tuple(known.get("redirect_uris", ())), said)
    userinfo = client.tokens.userinfo_alg
    return replace(
        client,
        secret_digests=(sha256(secret.encode()).hexdigest(),) if secret else (),
        scopes=client.scopes & frozenset(rules.scopes),
        pkce=rules.pkce,
        id_token_alg=_held(client.id_token_alg, rules),
        assertions=replace(
            client.assertions,
            shared_secrets=(secret,) if client.auth_method is AuthMethod.SECRET_JWT else (),
            legacy_audience=rules.legacy_audience,
        ),
        tokens=replace(
            client.tokens,
            sector=proved_host(known, record.sector) or own_sector(record.client_id),
            userinfo_alg=_held(userinfo, rules) if userinfo is not None else None,
            id_token_claims=rules.id_token_claims,
        ),
        origin=replace(client.origin, registered=True, picture=record.logo),
    )


def proved_host(metadata: Mapping[str, Any], vouched: str) -> str:
    """The host this client has proved to be at, or "". `vouched`: whose document names its redirect URIs, or "".

    A redirect URI proves a host only where every token has gone through it: a device gets its tokens without, and what
    goes to a person's own device may be anybody's. Whoever merely names a host shares nothing with it.
    """
    uris = metadata.get("redirect_uris", [])
    if GrantType.DEVICE_CODE in metadata["grant_types"] or not uris or any(map(is_on_device, uris)):
        return ""
    hosts = sector_hosts(uris)
    return vouched or (next(iter(hosts)) if len(hosts) == 1 else "")


def folded_names(metadata: Mapping[str, Any]) -> frozenset[str]:
    """Its names in every language, as they look at a glance."""
    return frozenset(fold_name(text) for name, text in metadata.items() if name.partition("#")[0] == "client_name")


def _names(record: RegisteredClient) -> dict[str, str]:
    known = record.metadata
    names = {name.partition("#")[2] or "en": text for name, text in known.items() if name.startswith("client_name")}
    hosts = sorted(host for uri in known.get("redirect_uris", ()) if (host := urlsplit(uri).hostname))
    return names or {"en": hosts[0] if hosts else record.client_id}


def _held(algorithm: Algorithm, rules: RegistrationRules) -> Algorithm:
    """The registered one, or another where the operator does not hold that key any more."""
    return algorithm if algorithm in rules.algorithms else rules.algorithms[0]
