"""What must hold in a client, whoever wrote it down: the operator in config.yaml, or the app when it registered.

Each rule is a function that yields what breaks it. The configuration reports all of it with line and column, dynamic
registration refuses the first as invalid_client_metadata or invalid_redirect_uri (RFC 7591 section 3.2.2).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain

from broker.core.clients.assertion import ALGORITHMS
from broker.core.clients.broken import Broken, Rule
from broker.core.clients.client import MEMBERS, Client
from broker.core.clients.extra_claims import check_extra_claims
from broker.core.clients.fapi_rules import contradictions
from broker.core.jose.jwk import KEYS_LIMIT, PRIVATE_MEMBERS, parse_key
from broker.core.people.subject import own_sector
from broker.core.terms import AuthMethod, GrantType, Pkce, Profile, Scope, SubjectType
from broker.core.wire.addresses import check_frame_uri, sector_hosts

_FALLBACK = re.compile(r"[A-Za-z0-9._+\-]*\{sub\}[A-Za-z0-9._+\-]*@([a-z0-9]([a-z0-9\-]*[a-z0-9])?\.)+[a-z]{2,}")
_EXCHANGE = GrantType.TOKEN_EXCHANGE.value
_SIGNED = ("request_uris", "request_object_signing_alg", "require_signed_request_object")


def find_broken(client: Client, *, emulated: bool = False) -> Iterator[Broken]:
    """Every rule that this client breaks. `emulated`: the upstreams are, so everything is on one machine."""
    yield from chain.from_iterable(rule(client) for rule in RULES)
    if not client.origin.registered:
        yield from chain.from_iterable(rule(client) for rule in OPERATORS_RULES)
    if client.origin.profile is Profile.FAPI2:
        for broken in contradictions(client, emulated=emulated):
            text = f"{broken.text} (profile: fapi2 asks for that; leave the key out or the profile)"
            yield Broken(broken.setting, text, broken.item)


def name_of(setting: str, client: Client) -> str:
    """What this client's author calls a setting: the key of `config.yaml`, or the member of client metadata."""
    return MEMBERS[setting].name if client.origin.registered else setting


# --- every client ---


def _has_keys(client: Client) -> bool:
    return client.assertions.jwks is not None or bool(client.assertions.jwks_uri)


def _grants(client: Client) -> Iterator[Broken]:
    """There is a way to a first token, and for people one that ends at the app (RFC 7591 section 2.1)."""
    if not client.grants - {GrantType.REFRESH_TOKEN}:
        yield Broken("grants", "without authorization_code nobody could log in")
    if GrantType.AUTHORIZATION_CODE in client.grants and not client.redirect_uris and not client.loopback_redirects:
        yield Broken("redirect_uris", "is required: without it nobody could log in")


def _scopes(client: Client) -> Iterator[Broken]:
    """People who log in are told apart."""
    if not client.grants & {GrantType.AUTHORIZATION_CODE, GrantType.DEVICE_CODE, GrantType.TOKEN_EXCHANGE}:
        return
    if Scope.OPENID not in client.scopes:
        yield Broken("scopes", "openid is missing: without it nobody could log in")
    if Scope.OFFLINE_ACCESS in client.scopes and GrantType.REFRESH_TOKEN not in client.grants:
        yield Broken("scopes", "offline_access needs refresh_token among the grants")


def _keys(client: Client) -> Iterator[Broken]:
    """Its public keys in one place (RFC 7591 section 2), and there where it signs with them."""
    keys = client.assertions
    if keys.jwks is not None and keys.jwks_uri:
        yield Broken("jwks_uri", "is there beside jwks; keep one of them (RFC 7591 section 2)")
    if client.auth_method is AuthMethod.PRIVATE_KEY_JWT and not _has_keys(client):
        yield Broken("", "needs jwks_uri, where the app publishes its public keys, or jwks with the keys themselves")
    if not _has_keys(client):
        # An app that registers itself may name places before it has keys: nothing fetched from there is taken then.
        for name in _SIGNED[1:] if client.origin.registered else _SIGNED:
            if getattr(client.requests, name):
                yield Broken(name, "needs jwks_uri or jwks: the keys its requests are signed with")


def _key_set(client: Client) -> Iterator[Broken]:
    """Public keys alone, and each of them strong enough (RFC 8725 section 3.5)."""
    if client.assertions.jwks is None:
        return
    keys = client.assertions.jwks.get("keys")
    if not isinstance(keys, list) or not 0 < len(keys) <= KEYS_LIMIT:
        yield Broken("jwks", f"is a JWK set: {{keys: [...]}} with 1 to {KEYS_LIMIT} keys (RFC 7517 5)")
        return
    spares = client.origin.registered and any(map(parse_key, keys))  # keys for other uses beside one for ours
    for index, key in enumerate(keys):
        if isinstance(key, dict) and PRIVATE_MEMBERS & key.keys():
            text = (
                "IS A PRIVATE KEY. Make a new key pair in the app, put only its public half here (kty, crv, x, y or "
                "kty, n, e) and consider this one stolen"
            )
            yield Broken("jwks", text, within=("keys", index))
        elif parse_key(key) is None and not (spares and isinstance(key, dict) and key.get("use", "sig") != "sig"):
            text = "verifies no signature: RSA of 2048 bits or more, P-256, P-384, P-521 or Ed25519, for use sig"
            yield Broken("jwks", text, within=("keys", index))


def _assertions(client: Client) -> Iterator[Broken]:
    """It signs its proof of itself only by what its method has."""
    possible = ALGORITHMS.get(client.auth_method, ())
    method = "client_secret" if client.secret_either_way else client.auth_method
    instead = f"; write {', '.join(possible)}" if possible else ""
    for algorithm in sorted(client.assertions.assertion_algs - set(possible)):
        yield Broken("assertion_algs", f"is not for {name_of('auth_method', client)}: {method}{instead}", algorithm)


def _sector(client: Client) -> Iterator[Broken]:
    """It is known with whom pairwise subjects are shared (OIDC Core 8.1)."""
    pairwise, alone = client.tokens.subject_type is SubjectType.PAIRWISE, client.tokens.sector == own_sector(client.id)
    if pairwise and alone and len(sector_hosts(client.redirect_uris)) > 1:
        text = "is required: the redirect URIs have several hosts, so it is open with whom subjects are shared"
        yield Broken("sector", text)


def _frames(client: Client) -> Iterator[Broken]:
    """A page of ours frames the app at a place of its own only (OIDC Front-Channel Logout 2)."""
    if client.logout.frontchannel_logout_uri:
        try:
            check_frame_uri(client.logout.frontchannel_logout_uri, client.redirect_uris)
        except ValueError as problem:
            yield Broken("frontchannel_logout_uri", str(problem))


RULES: tuple[Rule, ...] = (_grants, _keys, _assertions, _key_set, _sector, _scopes, _frames)

# --- a client of config.yaml: whoever runs the broker writes nothing that has no use or no sense ---


def _pkce(client: Client) -> Iterator[Broken]:
    if client.pkce is Pkce.OPTIONAL and (client.public or client.native):
        kind = "a public client" if client.public else "an app with a scheme of its own"
        yield Broken("pkce", f"{kind} always uses PKCE (RFC 9700 section 2.1.1, RFC 8252 section 8.1)")


def _origins(client: Client) -> Iterator[Broken]:
    if client.origins and not client.public:
        yield Broken("origins", "only a public client calls from a browser; a secret there is no secret")


def _requests(client: Client) -> Iterator[Broken]:
    """Rules for authorization requests are for clients that make some, and possible for them."""
    if GrantType.AUTHORIZATION_CODE not in client.grants:
        implied = client.origin.profile is Profile.FAPI2
        for name in _SIGNED if implied else (*_SIGNED, "require_par"):
            if getattr(client.requests, name):
                yield Broken(name, "needs authorization_code among the grants")
    elif client.requests.require_par and client.requests.request_uris:
        yield Broken("request_uris", "has no use: with require_par every request is pushed")


def _required(client: Client) -> Iterator[Broken]:
    for scope in sorted(client.required_scopes - client.scopes):
        yield Broken("required_scopes", "is not among scopes, so the app never asks for it", scope)


def _service(client: Client) -> Iterator[Broken]:
    for_itself = GrantType.CLIENT_CREDENTIALS in client.grants
    if for_itself and client.public:
        yield Broken("grants", "client_credentials needs a secret, and auth_method: none has none")
    if client.service_scopes and not for_itself:
        yield Broken("service_scopes", "needs client_credentials among the grants")
    if len(set(client.service_scopes)) < len(client.service_scopes):
        yield Broken("service_scopes", "names a scope twice")


def _posted(client: Client) -> Iterator[Broken]:
    """Whoever may bring credentials is told of whom, and the other way round."""
    if GrantType.TOKEN_EXCHANGE in client.grants and not client.accept_posted and not client.upstream_tokens:
        text = f"is required, or upstream_tokens: the providers whose credentials it brings for {_EXCHANGE}"
        yield Broken("accept_posted", text)
    if client.accept_posted and GrantType.TOKEN_EXCHANGE not in client.grants:
        yield Broken("accept_posted", f"needs {_EXCHANGE} among the grants")
    if client.accept_posted and not client.first_party and GrantType.AUTHORIZATION_CODE not in client.grants:
        yield Broken("grants", "without authorization_code nobody could agree to anything; or it is first_party: true")
    for name in client.accept_posted:
        if client.providers is not None and name not in client.providers:
            yield Broken("accept_posted", "is not among providers, so nobody signs in there for this app", name)


def _drf(client: Client) -> Iterator[Broken]:
    """Calls of drf-social-oauth2 stand on posted credentials, and their answer has a refresh token."""
    for name in client.drf.drf_without_nonce:
        if name not in client.drf.drf_backends.values():
            yield Broken("drf_without_nonce", "is none of drf_backends", name)
    for backend, name in client.drf.drf_backends.items():
        if name not in client.accept_posted:
            yield Broken("drf_backends", f"needs {name} in accept_posted", within=(backend,))
    if not client.drf.drf_backends:
        return
    if Scope.OFFLINE_ACCESS not in client.scopes or GrantType.REFRESH_TOKEN not in client.grants:
        yield Broken(
            "drf_backends", "needs offline_access in scopes, and refresh_token in grants: its answers have one"
        )
    if client.tokens.dpop_bound_access_tokens:
        yield Broken("drf_backends", "has no proofs of a key, and dpop_bound_access_tokens asks for them")


def _upstream(client: Client) -> Iterator[Broken]:
    """Whoever has an upstream's tokens keeps a secret, and people can be told of it."""
    if not client.upstream_tokens:
        return
    if GrantType.TOKEN_EXCHANGE not in client.grants:
        yield Broken("upstream_tokens", f"needs {_EXCHANGE} among the grants")
    if GrantType.AUTHORIZATION_CODE not in client.grants:
        yield Broken("grants", "without authorization_code no provider's tokens could be kept for it")
    if client.public:
        yield Broken("upstream_tokens", "needs a secret: whoever finds a token of the app could have the provider's")
    for name in client.upstream_tokens:
        if client.providers is not None and name not in client.providers:
            yield Broken("upstream_tokens", "is not among providers, so nobody signs in there for this app", name)


def _mini_apps(client: Client) -> Iterator[Broken]:
    if client.mini_apps and not client.initiate_login_uri:
        yield Broken("mini_apps", "needs initiate_login_uri: from our page people go on to where a login begins")
    for name in client.mini_apps:
        if client.providers is not None and name not in client.providers:
            yield Broken("mini_apps", "is not among providers, so nobody signs in there for this app", name)


def _fallback(client: Client) -> Iterator[Broken]:
    if client.email_fallback and not _FALLBACK.fullmatch(client.email_fallback):
        yield Broken("email_fallback", 'write one {sub} and a domain of yours: "{sub}@users.noreply.example.com"')


def _identities(client: Client) -> Iterator[Broken]:
    if client.identities.lookup_identities and client.public:
        yield Broken("lookup_identities", "needs a secret: anybody can say the name of a public client")
    if client.identities.account_linking and not client.redirect_uris:
        yield Broken("account_linking", "needs redirect_uris: people come back to one of them")


OPERATORS_RULES: tuple[Rule, ...] = (
    *(_pkce, _origins, _requests, _required, _service),
    *(_posted, _drf, _upstream, _mini_apps, _fallback, _identities, check_extra_claims),
)
