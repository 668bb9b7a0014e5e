"""What must hold inside one entry of `clients`, as a table of checks. Each reports, none raises."""

from __future__ import annotations

import re
from collections.abc import Callable

from broker.config.client_check_auth import check_assertions, check_keys, check_secret
from broker.config.client_check_requests import check_requests, check_signed_requests
from broker.config.client_model import ClientSettings
from broker.config.report import Report
from broker.config.source import KeyPath
from broker.core.addresses import check_frame_uri, sector_hosts
from broker.core.terms import AuthMethod, GrantType, Pkce, Scope, SubjectType

_FALLBACK = re.compile(r"[A-Za-z0-9._+\-]*\{sub\}[A-Za-z0-9._+\-]*@([a-z0-9]([a-z0-9\-]*[a-z0-9])?\.)+[a-z]{2,}")


def _client_pkce(client: ClientSettings, path: KeyPath, report: Report) -> None:
    if client.auth_method is AuthMethod.NONE and client.pkce is Pkce.OPTIONAL:
        report.problem((*path, "pkce"), "a public client always uses PKCE (RFC 9700 section 2.1.1)")


def _client_origins(client: ClientSettings, path: KeyPath, report: Report) -> None:
    if client.origins and client.auth_method is not AuthMethod.NONE:
        report.problem((*path, "origins"), "only a public client calls from a browser; a secret there is no secret")


def _client_grants(client: ClientSettings, path: KeyPath, report: Report) -> None:
    if GrantType.AUTHORIZATION_CODE not in client.grants:
        if not {GrantType.CLIENT_CREDENTIALS, GrantType.DEVICE_CODE} & set(client.grants):
            report.problem((*path, "grants"), "without authorization_code nobody could log in")
        if GrantType.DEVICE_CODE not in client.grants:
            return
    elif not client.redirect_uris and not client.loopback_redirects:
        report.problem((*path, "redirect_uris"), "is required: without it nobody could log in")
    if Scope.OPENID not in client.scopes:
        report.problem((*path, "scopes"), "openid is missing: without it nobody could log in")
    if Scope.OFFLINE_ACCESS in client.scopes and GrantType.REFRESH_TOKEN not in client.grants:
        report.problem((*path, "scopes"), "offline_access needs refresh_token among the grants")


def _client_service(client: ClientSettings, path: KeyPath, report: Report) -> None:
    for_itself = GrantType.CLIENT_CREDENTIALS in client.grants
    if for_itself and client.auth_method is AuthMethod.NONE:
        report.problem((*path, "grants"), "client_credentials needs a secret, and auth_method: none has none")
    if client.service_scopes and not for_itself:
        report.problem((*path, "service_scopes"), "needs client_credentials among the grants")
    if len(set(client.service_scopes)) < len(client.service_scopes):
        report.problem((*path, "service_scopes"), "names a scope twice")


def _client_sector(client: ClientSettings, path: KeyPath, report: Report) -> None:
    pairwise = client.subject_type is SubjectType.PAIRWISE
    if pairwise and client.sector is None and len(sector_hosts(client.redirect_uris)) > 1:
        text = "is required: the redirect URIs have several hosts, so it is open with whom subjects are shared"
        report.problem((*path, "sector"), text)
    if client.sector is not None and not pairwise:
        report.problem((*path, "sector"), "needs subject_type: pairwise")


def _client_fallback(client: ClientSettings, path: KeyPath, report: Report) -> None:
    if client.email_fallback and not _FALLBACK.fullmatch(client.email_fallback):
        text = 'write one {sub} and a domain of yours: "{sub}@users.noreply.example.com"'
        report.problem((*path, "email_fallback"), text)


def _client_logout(client: ClientSettings, path: KeyPath, report: Report) -> None:
    if client.frontchannel_logout_uri:
        try:
            check_frame_uri(client.frontchannel_logout_uri, client.redirect_uris)
        except ValueError as problem:
            report.problem((*path, "frontchannel_logout_uri"), str(problem))
    for channel in ("backchannel", "frontchannel"):
        needs, uri = f"{channel}_logout_session_required", f"{channel}_logout_uri"
        if getattr(client, needs) and not getattr(client, uri):
            report.problem((*path, needs), f"is about {uri}, which is not set")


CLIENT_CHECKS: tuple[Callable[[ClientSettings, KeyPath, Report], None], ...] = (
    check_secret,
    check_keys,
    check_assertions,
    check_requests,
    check_signed_requests,
    _client_pkce,
    _client_origins,
    _client_grants,
    _client_service,
    _client_sector,
    _client_fallback,
    _client_logout,
)
