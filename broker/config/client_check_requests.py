"""How the authorization requests of one client must look: what is asked of it must be possible for it."""

from __future__ import annotations

from broker.config.client_model import ClientSettings
from broker.config.report import Report
from broker.config.source import KeyPath
from broker.core.terms import GrantType, Profile


def check_signed_requests(client: ClientSettings, path: KeyPath, report: Report) -> None:
    """Signed requests need keys to verify them with."""
    if client.jwks is not None or client.jwks_uri:
        return
    for name in ("request_uris", "request_object_signing_alg", "require_signed_request_object"):
        if getattr(client, name):
            report.problem((*path, name), "needs jwks_uri or jwks: the keys its requests are signed with")


def check_requests(client: ClientSettings, path: KeyPath, report: Report) -> None:
    """Rules for authorization requests are for clients that make some."""
    if GrantType.AUTHORIZATION_CODE not in client.grants:
        for name in ("request_uris", "request_object_signing_alg", "require_signed_request_object", "require_par"):
            implied = name == "require_par" and client.profile is Profile.FAPI2
            if getattr(client, name) and not implied:
                report.problem((*path, name), "needs authorization_code among the grants")
    elif client.require_par and client.request_uris:
        report.problem((*path, "request_uris"), "has no use: with require_par every request is pushed")
