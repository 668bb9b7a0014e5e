"""What of `access` names nothing, or does nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from broker.config.access_model import AccessSettings
from broker.config.model import Config
from broker.config.report import Report, did_you_mean
from broker.config.source import KeyPath
from broker.core.access import SignUp, strictest


def check_access(config: Config, report: Report) -> None:
    """Report every problem and warning about who may come in."""
    on = {name for name, settings in config.providers.items() if getattr(settings, "enabled", True)}
    for path, access, offered in _places(config, on):
        _check_rules(path, access, offered, config, report)
        _check_domains(path, access, report)
    for client_id in config.clients:
        _check_sign_up(client_id, config, report)


def _places(config: Config, on: Collection[str]) -> Iterator[tuple[KeyPath, AccessSettings, Collection[str]]]:
    """Every such section, with the providers whose people it is asked about."""
    yield ("access",), config.access, on
    for client_id, client in config.clients.items():
        yield ("clients", client_id, "access"), client.access, on if client.providers is None else client.providers


def _check_rules(
    path: KeyPath, access: AccessSettings, offered: Collection[str], config: Config, report: Report
) -> None:
    known = tuple(config.providers)
    for name, rule in access.rules.items():
        place = (*path, "rules", name, "providers")
        for index, provider in enumerate(rule.providers):
            if provider not in config.providers:
                report.problem((*place, index), f"there is no provider {provider}{did_you_mean(provider, known)}")
        if rule.providers and set(rule.providers) <= set(known) and not set(rule.providers) & set(offered):
            report.warn(place, "is asked about nobody: none of these providers is offered there")


def _check_domains(path: KeyPath, access: AccessSettings, report: Report) -> None:
    for index, domain in enumerate(access.denied_email_domains):
        if domain in access.email_domains:
            report.problem((*path, "denied_email_domains", index), f"{domain} is among email_domains, too")
        elif access.email_domains and not any(_overlap(domain, one) for one in access.email_domains):
            text = f"has no effect: email_domains lets nobody of {domain} in"
            report.warn((*path, "denied_email_domains", index), text)


def _overlap(denied: str, allowed: str) -> bool:
    """Whether some address is in both patterns."""
    first, second = (f".{one.removeprefix('*.')}" for one in (denied, allowed))
    return (allowed.startswith("*.") and first.endswith(second)) or (denied.startswith("*.") and second.endswith(first))


def _check_sign_up(client_id: str, config: Config, report: Report) -> None:
    """An account opens every app, wherever it was made."""
    access, here = config.clients[client_id].access, SignUp(config.access.sign_up)
    own, place = SignUp(access.sign_up), ("clients", client_id, "access", "sign_up")
    if "sign_up" not in access.model_fields_set:
        return
    if strictest(own, here) is not own:
        report.warn(place, f"has no effect: access.sign_up is {here}")
    for name, other in config.clients.items():
        there = strictest(here, SignUp(other.access.sign_up))
        if there is not own and strictest(own, there) is own:
            text = f"keeps nobody out who gets an account at {name} first: it opens every app; set access.sign_up"
            report.warn(place, text)
            return
