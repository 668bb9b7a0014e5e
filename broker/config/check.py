"""What must hold between the parts of a configuration, as one table of checks. Each reports, none raises."""

from __future__ import annotations

import re
from collections.abc import Iterator
from os.path import isdir, isfile  # False for a name no file system takes, where pathlib would raise
from pathlib import Path

from pydantic import SecretStr

from broker.config.access_check import check_access
from broker.config.agreements import AGREEMENTS, Checks
from broker.config.client_check import check_client
from broker.config.demo_values import is_demo_client, is_demo_issuer, is_demo_secret, is_demo_value, is_on_this_machine
from broker.config.icon_check import find_fault
from broker.config.listener_check import check_listeners
from broker.config.model import Config
from broker.config.provider_check import check_namespaces, check_wisdom
from broker.config.report import Report, did_you_mean
from broker.config.reveal import scalars_of
from broker.config.source import KeyPath
from broker.config.webhooks import check_webhooks
from broker.core.clients.fapi import CODE_TTL
from broker.core.clients.registered import REGISTERED_PREFIX
from broker.core.terms import Profile

CLIENT_SECRET_LENGTH = 32  # characters; 128 bits even in hexadecimal
UPSTREAM_SECRET_LENGTH = 12  # characters; theirs to choose, the shortest known has 20
PUBLISHED_FOR = 15 * 60  # seconds; a JWKS is cached for five minutes, and other nodes look for new keys every minute
_LETTERS = 5  # different ones; fewer is a key held down

_CLIENT_ID = re.compile(r"[A-Za-z0-9._~\-]{1,100}")
_PROVIDER_ID = re.compile(r"[a-z0-9][a-z0-9_\-]{0,31}")
_PLACEHOLDER = re.compile(
    r"(?i)(.*(change[ _-]?(me|this|it)|placeholder|replace[ _-]?(me|this)|your[ _-].*(secret|key|token)|insert[ _-]).*"
    r"|<.*>|secret|password|passwd|example|todo|fixme|test|dummy|none|null|undefined|0?123456\d*)"
)


def check_everything(config: Config, report: Report) -> None:
    """Report every problem and warning about `config`."""
    for check in _CHECKS:
        check(config, report)
    check_clients(config, report)


def check_clients(config: Config, report: Report) -> None:
    """Report every problem and warning about the clients of `config`: inside each, and between them and the rest."""
    for check in _CHECKS_OF_CLIENTS:
        check(config, report)
    for client_id, client in config.clients.items():
        check_client(client_id, client, report, emulated=config.network.upstreams == "emulated")


def _in_use(config: Config) -> Iterator[tuple[KeyPath, str | SecretStr]]:
    """What stands in clients, webhooks, and providers that are switched on; the others may wait for their values."""
    for name, settings in config.providers.items():
        if getattr(settings, "enabled", True):
            yield from scalars_of(settings, ("providers", name))
    for name, client in config.clients.items():
        yield from scalars_of(client, ("clients", name))
    for name, webhook in config.webhooks.items():
        yield from scalars_of(webhook, ("webhooks", name))


def _ids(config: Config, report: Report) -> None:
    for name in config.providers:
        if not _PROVIDER_ID.fullmatch(name):
            text = "a provider's name stands in URLs: up to 32 of a-z, 0-9, - and _, beginning with a letter or digit"
            report.problem(("providers", name), text, of_key=True)
    for name in config.clients:
        if name.startswith(REGISTERED_PREFIX):
            text = f"client ids in {REGISTERED_PREFIX} are given to apps that register themselves; choose another"
            report.problem(("clients", name), text, of_key=True)
        if not _CLIENT_ID.fullmatch(name):
            text = "a client's name is its client_id: up to 100 of A-Z, a-z, 0-9, '.', '_', '~' and '-'"
            report.problem(("clients", name), text, of_key=True)


def _provider_names(config: Config, report: Report) -> None:
    lists: dict[KeyPath, tuple[str, ...]] = {("login", "order"): config.login.order}
    lists |= {("clients", name, "providers"): client.providers or () for name, client in config.clients.items()}
    for name, client in config.clients.items():
        lists[("clients", name, "accept_posted")] = client.accept_posted
        lists[("clients", name, "drf_without_nonce")] = client.drf_without_nonce
        lists |= {("clients", name, "drf_backends", each): (to,) for each, to in client.drf_backends.items()}
        lists[("clients", name, "upstream_tokens")] = client.upstream_tokens
        lists[("clients", name, "mini_apps")] = client.mini_apps
    known = tuple(config.providers)
    for path, names in lists.items():
        for index, name in enumerate(names):
            if name not in config.providers:
                place = path if path[2:3] == ("drf_backends",) else (*path, index)
                report.problem(place, f"there is no provider {name}{did_you_mean(name, known)}")
            elif name in names[:index]:
                report.problem((*path, index), f"names {name} twice")


def _somebody_can_log_in(config: Config, report: Report) -> None:
    enabled = {name for name, settings in config.providers.items() if getattr(settings, "enabled", True)}
    if not enabled:
        report.problem(("providers",), "all providers are switched off: nobody could log in")
    for client_id, client in config.clients.items():
        if enabled and client.providers is not None and not enabled & set(client.providers):
            report.problem(("clients", client_id, "providers"), "every provider of this client is switched off")


def _placeholders(config: Config, report: Report) -> None:
    for path, secret in _in_use(config):
        if not isinstance(secret, SecretStr):
            continue
        value = secret.get_secret_value()
        shortest = CLIENT_SECRET_LENGTH if path[0] == "clients" else UPSTREAM_SECRET_LENGTH
        if _PLACEHOLDER.fullmatch(value) or len(set(value)) < _LETTERS:
            report.problem(path, "is a placeholder, not a secret")
        elif len(value) < shortest:
            report.problem(path, f"is too short for a secret: at least {shortest} characters")
        elif is_demo_secret(value) and config.network.upstreams == "real":
            report.problem(path, "is a secret of the demo; everybody knows it, so it is for emulated upstreams only")


def _emulated_stays_here(config: Config, report: Report) -> None:
    if config.network.upstreams == "emulated" and not is_on_this_machine(config.issuer):
        report.problem(("network", "upstreams"), "emulated upstreams let anybody be anybody: for localhost only")


def _demo_stays_here(config: Config, report: Report) -> None:
    """With real upstreams nothing of the sample is left: it would be refused there, or let strangers in here."""
    if config.network.upstreams != "real":
        return
    if is_demo_issuer(config.issuer):
        report.problem(("issuer",), "is the demo's address; write your own, for example https://id.example.com")
    elif is_on_this_machine(config.issuer):
        report.warn(("issuer",), "only this machine can reach it; going live needs a public https address")
    for client_id in filter(is_demo_client, config.clients):
        report.problem(("clients", client_id), "is an app of the demo: remove it", of_key=True)
    for path, value in _in_use(config):
        if path[0] == "providers" and isinstance(value, str) and is_demo_value(value):
            text = f"is the demo's {path[-1]}, which the service does not know: put in your own"
            report.problem(path, text)


def _anywhere_here(config: Config, report: Report) -> None:
    for client_id, client in config.clients.items():
        if client.loopback_redirects and config.network.upstreams == "real" and not is_demo_client(client_id):
            text = "is for the demo: with real upstreams list the app's addresses in redirect_uris"
            report.problem(("clients", client_id, "loopback_redirects"), text)


def _limits_of_time(config: Config, report: Report) -> None:
    session, refresh, keys = config.session, config.tokens.refresh_token, config.keys
    for path, short, long, what in (
        (("session", "idle_ttl"), session.idle_ttl, session.absolute_ttl, "session.absolute_ttl"),
        (("tokens", "refresh_token", "idle_ttl"), refresh.idle_ttl, refresh.absolute_ttl, "absolute_ttl beside it"),
        (("tokens", "refresh_token", "reuse_grace"), refresh.reuse_grace, 60, "60s"),
        (("keys", "publish_before"), keys.publish_before, keys.rotate_every, "keys.rotate_every"),
    ):
        if short > long:
            report.problem(path, f"is longer than {what}")
    if keys.keep_after < max(config.tokens.id_token_ttl, config.tokens.access_token_ttl):
        report.problem(("keys", "keep_after"), "is shorter than a token lives: tokens would stop being verifiable")
    if keys.publish_before < PUBLISHED_FOR:
        text = f"is shorter than {PUBLISHED_FOR // 60} minutes: apps that cache keys would meet one they have not seen"
        report.warn(("keys", "publish_before"), text)


def _limits_of_profile(config: Config, report: Report) -> None:
    """The lifetime of codes is the same for all clients, so those of the profile set the limit."""
    strict = [client_id for client_id, client in config.clients.items() if client.profile is Profile.FAPI2]
    if strict and config.tokens.code_ttl > CODE_TTL:
        text = f"is longer than {CODE_TTL}s, the most that profile: fapi2 of {', '.join(strict)} allows"
        report.problem(("tokens", "code_ttl"), text)


def _storage(config: Config, report: Report) -> None:
    storage = config.storage
    if storage.transient == "redis" and storage.redis is None:
        report.problem(("storage", "redis"), "is required, with a url, because storage.transient is redis")
    if storage.transient != "redis" and storage.redis is not None:
        report.warn(("storage", "redis"), "is not used: storage.transient is sqlite")


def _files(config: Config, report: Report) -> None:
    files: dict[KeyPath, str | None] = {("ui", "logo"): config.ui.logo, ("network", "ca_file"): config.network.ca_file}
    files |= {("clients", name, "logo"): client.logo for name, client in config.clients.items()}
    if config.server.tls is not None:
        files |= {("server", "tls", "cert"): config.server.tls.cert, ("server", "tls", "key"): config.server.tls.key}
    for path, file in files.items():
        if file is not None and not isfile(file):
            report.problem(path, "there is no such file")
    directories: dict[KeyPath, str | Path | None] = {("ui", "templates"): config.ui.templates}
    if config.logging.audit != "stdout":
        directories["logging", "audit"] = Path(config.logging.audit).parent
    if config.storage.sqlite.path != ":memory:":
        directories["storage", "sqlite", "path"] = Path(config.storage.sqlite.path).parent
    for path, directory in directories.items():
        if directory is not None and not isdir(directory):
            report.problem(path, "there is no such directory")


def _icons(config: Config, report: Report) -> None:
    for name, settings in config.providers.items():
        icon = getattr(settings, "icon", None)
        if icon and (fault := find_fault(Path(icon))):
            report.problem(("providers", name, "icon"), fault)


def _algorithms(config: Config, report: Report) -> None:
    for client_id, client in config.clients.items():
        for key, algorithm in (("id_token_alg", client.id_token_alg), ("userinfo_alg", client.userinfo_alg)):
            if algorithm is not None and algorithm not in config.keys.algorithms:
                report.problem(("clients", client_id, key), f"{algorithm} is not among keys.algorithms")


def _languages(config: Config, report: Report) -> None:
    if config.ui.default_language not in config.ui.languages:
        report.problem(("ui", "default_language"), "is not among ui.languages")
    for client_id, client in config.clients.items():
        if not set(client.languages) <= set(config.ui.languages):
            report.problem(("clients", client_id, "languages"), "names a language that is not among ui.languages")


_CHECKS: Checks = (
    check_webhooks,
    _emulated_stays_here,
    check_namespaces,
    check_wisdom,
    _limits_of_time,
    _storage,
    check_listeners,
    _files,
    _icons,
)
_CHECKS_OF_CLIENTS: Checks = (
    _ids,
    _provider_names,
    _somebody_can_log_in,
    check_access,
    *AGREEMENTS,
    _placeholders,
    _demo_stays_here,
    _anywhere_here,
    _limits_of_profile,
    _algorithms,
    _languages,
)
