"""How one client proves itself: secrets where it has some, keys where it signs."""

from __future__ import annotations

from collections.abc import Mapping

from broker.config.client_model import ClientSettings
from broker.config.report import Report
from broker.config.source import KeyPath
from broker.core.client_assertion import ALGORITHMS
from broker.core.jwk import KEYS_LIMIT, PRIVATE_MEMBERS, parse_key
from broker.core.terms import AuthMethod

_WITHOUT_SECRET: Mapping[str, str] = {
    AuthMethod.NONE: "a public client (auth_method: none) has no secret",
    AuthMethod.PRIVATE_KEY_JWT: "has no use: with private_key_jwt the app signs with a key of its own",
}


def check_secret(client: ClientSettings, path: KeyPath, report: Report) -> None:
    """A secret exactly where the method needs one, in the form it needs."""
    secrets = len(client.secret_hashes) + (client.secret is not None)
    useless = _WITHOUT_SECRET.get(client.auth_method)
    if useless is not None:
        if secrets:
            report.problem((*path, "secret" if client.secret is not None else "secret_hashes"), useless)
        return
    if client.auth_method is AuthMethod.SECRET_JWT:
        if client.secret_hashes:
            text = "cannot verify what was signed with the secret: client_secret_jwt needs `secret` itself"
            report.problem((*path, "secret_hashes"), text)
        elif client.secret is None:
            report.problem(path, "needs secret: client_secret_jwt is verified with the secret itself", of_key=True)
        return
    if not secrets:
        text = "needs secret_hashes (`broker client add` makes one), or auth_method: none if it can keep no secret"
        report.problem(path, text, of_key=True)
    if secrets > 2:
        report.problem((*path, "secret"), "at most two secrets are live at once: the old one and the new one")


def check_keys(client: ClientSettings, path: KeyPath, report: Report) -> None:
    """Its public keys in one place, all of them public and strong."""
    if client.jwks is not None and client.jwks_uri:
        report.problem((*path, "jwks_uri"), "is there beside jwks; keep one of them (RFC 7591 section 2)")
    if client.auth_method is AuthMethod.PRIVATE_KEY_JWT and client.jwks is None and not client.jwks_uri:
        text = "needs jwks_uri, where the app publishes its public keys, or jwks with the keys themselves"
        report.problem(path, text, of_key=True)
    if client.jwks is None:
        return
    keys = client.jwks.get("keys")
    if not isinstance(keys, list) or not 0 < len(keys) <= KEYS_LIMIT:
        report.problem((*path, "jwks"), f"is a JWK set: {{keys: [...]}} with 1 to {KEYS_LIMIT} keys (RFC 7517 5)")
        return
    for index, key in enumerate(keys):
        _check_key(key, (*path, "jwks", "keys", index), report)


def _check_key(key: object, path: KeyPath, report: Report) -> None:
    if isinstance(key, dict) and PRIVATE_MEMBERS & key.keys():
        text = (
            "IS A PRIVATE KEY. Make a new key pair in the app, put only its public half here (kty, crv, x, y or kty, "
            "n, e) and consider this one stolen"
        )
        report.problem(path, text)
    elif parse_key(key) is None:
        text = "verifies no signature: RSA of 2048 bits or more, P-256, P-384, P-521 or Ed25519, for use sig"
        report.problem(path, text)


def check_assertions(client: ClientSettings, path: KeyPath, report: Report) -> None:
    """Algorithms and audience only where assertions are made, and only such as the method has."""
    possible = ALGORITHMS.get(client.auth_method, ())
    for index, algorithm in enumerate(client.assertion_algs):
        if algorithm not in possible:
            text = f"is not for auth_method: {client.auth_method}" + (
                f"; write {', '.join(possible)}" if possible else ""
            )
            report.problem((*path, "assertion_algs", index), text)
    if client.assertion_audience == "legacy":
        if not possible:
            report.problem((*path, "assertion_audience"), "is for private_key_jwt and client_secret_jwt")
        else:
            text = "lets an assertion name an endpoint; RFC 10070 forbids it. For apps that cannot name the issuer only"
            report.warn((*path, "assertion_audience"), text)
