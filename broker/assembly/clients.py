"""The clients of config.yaml as the services know them."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from broker.config.client_model import ClientSettings
from broker.config.model import Config
from broker.core.addresses import sector_hosts
from broker.core.client import AssertionPolicy, Client, LogoutPolicy, Origin, RequestPolicy, TokenPolicy
from broker.core.subject import own_sector
from broker.core.terms import AuthMethod, Profile


def build_clients(config: Config) -> dict[str, Client]:
    """The clients of config.yaml by client_id."""
    return {client_id: _build_client(client_id, settings, config) for client_id, settings in config.clients.items()}


def _build_client(client_id: str, settings: ClientSettings, config: Config) -> Client:
    digests = [text.removeprefix("sha256:") for text in settings.secret_hashes]
    if settings.secret is not None:
        digests.append(sha256(settings.secret.get_secret_value().encode()).hexdigest())
    method = settings.auth_method if isinstance(settings.auth_method, AuthMethod) else AuthMethod.BASIC
    return Client(
        id=client_id,
        name=localised(settings.name),
        redirect_uris=tuple(settings.redirect_uris),
        loopback_redirects=settings.loopback_redirects and config.network.upstreams == "emulated",
        auth_method=method,
        secret_either_way=method is not settings.auth_method,
        secret_digests=tuple(digests),
        scopes=frozenset(settings.scopes),
        service_scopes=settings.service_scopes,
        grants=frozenset(settings.grants),
        providers=settings.providers,
        first_party=settings.first_party,
        pkce=settings.pkce,
        id_token_alg=settings.id_token_alg,
        tokens=_build_tokens(client_id, settings),
        access_token_format=settings.access_token_format,
        origins=frozenset(settings.origins),
        logo=logo_name(client_id, settings.logo),
        languages=settings.languages,
        home_uri=settings.home_uri,
        initiate_login_uri=settings.initiate_login_uri,
        email_fallback=settings.email_fallback,
        requests=_build_requests(settings),
        assertions=_assertions(settings),
        logout=_logout(settings),
        origin=Origin(profile=settings.profile),
    )


def _logout(settings: ClientSettings) -> LogoutPolicy:
    return LogoutPolicy(
        post_logout_redirect_uris=tuple(settings.post_logout_redirect_uris),
        backchannel_logout_uri=settings.backchannel_logout_uri,
        frontchannel_logout_uri=settings.frontchannel_logout_uri,
    )


def _assertions(settings: ClientSettings) -> AssertionPolicy:
    # Only for the method that needs it: every other secret is forgotten once it is hashed.
    shared = settings.secret if settings.auth_method is AuthMethod.SECRET_JWT else None
    return AssertionPolicy(
        jwks=settings.jwks,
        jwks_uri=settings.jwks_uri,
        shared_secrets=(shared.get_secret_value(),) if shared is not None else (),
        assertion_algs=frozenset(settings.assertion_algs),
        legacy_audience=settings.assertion_audience == "legacy",
    )


def _build_tokens(client_id: str, settings: ClientSettings) -> TokenPolicy:
    hosts = sector_hosts(settings.redirect_uris)
    return TokenPolicy(
        dpop_bound_access_tokens=settings.dpop_bound_access_tokens,
        refresh_rotated=settings.profile is not Profile.FAPI2,
        serves=settings.serves,
        subject_type=settings.subject_type,
        sector=settings.sector or (next(iter(hosts)) if len(hosts) == 1 else own_sector(client_id)),
        userinfo_alg=settings.userinfo_alg,
        id_token_claims=settings.id_token_claims,
    )


def _build_requests(settings: ClientSettings) -> RequestPolicy:
    return RequestPolicy(
        require_par=settings.require_par,
        require_signed_request_object=settings.require_signed_request_object,
        request_object_signing_alg=settings.request_object_signing_alg,
        request_uris=settings.request_uris,
        resources=settings.resources,
    )


def localised(text: str | Mapping[str, str]) -> Mapping[str, str]:
    """One text per language."""
    return {"en": text, "ru": text} if isinstance(text, str) else dict(text)


def logo_name(client_id: str, path: str | None) -> str:
    """A static file name of our own making; nothing of the operator's path is shown."""
    if not path:
        return ""
    return f"logo-{sha256(client_id.encode()).hexdigest()[:12]}{Path(path).suffix.lower()}"
