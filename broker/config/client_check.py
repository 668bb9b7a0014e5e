"""What must hold inside one entry of `clients`: the rules of every client, and a few about keys of the file alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from broker.config.client_model import ClientSettings
from broker.config.clients import build_client
from broker.config.report import Report
from broker.config.source import KeyPath
from broker.core.clients.assertion import ALGORITHMS
from broker.core.clients.broken import Broken
from broker.core.clients.rules import find_broken
from broker.core.terms import AuthMethod, SubjectType

_WITHOUT_SECRET: Mapping[str, str] = {
    AuthMethod.NONE: "a public client (auth_method: none) has no secret",
    AuthMethod.PRIVATE_KEY_JWT: "has no use: with private_key_jwt the app signs with a key of its own",
}


def check_client(client_id: str, settings: ClientSettings, report: Report, *, emulated: bool) -> None:
    """Report every problem and warning about one entry. `emulated`: the upstreams are."""
    path = ("clients", client_id)
    for check in (_check_secret, _check_audience, _check_sector, _check_sessions):
        check(settings, path, report)
    client = build_client(client_id, settings, emulated=True)  # as it is written, wherever that is allowed
    for broken in find_broken(client, emulated=emulated):
        for place in _places(broken, settings):
            report.problem((*path, *place), broken.text, of_key=not place)


def _places(broken: Broken, settings: ClientSettings) -> Iterator[KeyPath]:
    """The paths in the entry that a rule is about."""
    if broken.item:
        listed = getattr(settings, broken.setting)
        yield from ((broken.setting, index) for index, item in enumerate(listed) if item == broken.item)
    else:
        yield (broken.setting, *broken.within) if broken.setting else ()


def _check_secret(client: ClientSettings, path: KeyPath, report: Report) -> None:
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


def _check_audience(client: ClientSettings, path: KeyPath, report: Report) -> None:
    if client.assertion_audience != "legacy":
        return
    if client.auth_method not in ALGORITHMS:
        report.problem((*path, "assertion_audience"), "is for private_key_jwt and client_secret_jwt")
    else:
        text = "lets an assertion name an endpoint; RFC 10070 forbids it. For apps that cannot name the issuer only"
        report.warn((*path, "assertion_audience"), text)


def _check_sector(client: ClientSettings, path: KeyPath, report: Report) -> None:
    if client.sector is not None and client.subject_type is not SubjectType.PAIRWISE:
        report.problem((*path, "sector"), "needs subject_type: pairwise")


def _check_sessions(client: ClientSettings, path: KeyPath, report: Report) -> None:
    """Every logout names its session, so there is nothing for the core to know but whether it is told at all."""
    for channel in ("backchannel", "frontchannel"):
        needs, uri = f"{channel}_logout_session_required", f"{channel}_logout_uri"
        if getattr(client, needs) and not getattr(client, uri):
            report.problem((*path, needs), f"is about {uri}, which is not set")
