"""What `broker check --online` finds out: whether upstreams, Redis and our own address can be reached from here.

And whether upstreams take the credentials that are configured.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp

from broker.cli.alone import Nobody, make_provider, new_flow
from broker.core.errors import UpstreamError
from broker.registry import provider_types
from broker.upstream.abilities import TriesCredentials, abilities_of
from broker.upstream.answer import rebase
from broker.upstream.discovery import DiscoveryRules, read_metadata
from broker.upstream.http import HttpPool
from broker.upstream.tls import TlsSettings

if TYPE_CHECKING:
    from broker.config.model import Config
    from broker.upstream.model import ProviderSettings

_TIMEOUT = aiohttp.ClientTimeout(total=8, connect=4)  # seconds
_CLOCKS_APART = 20  # seconds; below, the way and the whole seconds of `Date` may account for it
_RENEWAL = 30 * 86400  # seconds before the end of a client certificate from which on somebody is told
_LIMIT = 512 * 1024  # bytes of a key set that are looked at


@dataclass(slots=True)
class Report:
    """`lines` to print; what is broken and what may be."""

    lines: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    now: Callable[[], float] = time.time

    def compare_clocks(self, host: str, date: str) -> None:
        """Warn where a server's `Date` (RFC 9110 section 6.6.1) is not ours: ID tokens count for a minute around it."""
        try:
            ahead = parsedate_to_datetime(date).timestamp() - self.now()
        except ValueError:
            return  # no date, or none that anybody can read
        if abs(ahead) > _CLOCKS_APART:
            apart = f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} this machine"
            warning = f"clock: {host} is {apart}; beyond 60 s (clock_skew) logins by ID tokens fail"
            self.warnings += [warning] if warning not in self.warnings else []


async def look_around(config: Config, *, now: Callable[[], float] = time.time) -> Report:
    """Reach everything the configuration names. `now` in epoch seconds.

    Nobody is logged in. A secret goes to the upstream that gave it, as in every login, and nowhere else.
    """
    report = Report(now=now)
    context = ssl.create_default_context()
    if config.network.ca_file:
        context.load_verify_locations(config.network.ca_file)
    connector = aiohttp.TCPConnector(ssl=context)
    trust = config.network.trust_env
    async with aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT, trust_env=trust) as session:
        for name, settings in config.providers.items():
            if settings.enabled:
                await _provider(session, config, name, settings, report)
        await _ourselves(session, config, report)
    if config.storage.transient == "redis" and config.storage.redis is not None:
        await _redis(config.storage.redis.url.get_secret_value(), report)
    return report


async def _provider(
    session: aiohttp.ClientSession, config: Config, name: str, settings: ProviderSettings, report: Report
) -> None:
    report.lines += [f"{name} ({settings.type})", f"  redirect URI for its console: {config.issuer}/callback/{name}"]
    pool, tls = HttpPool(session, config.network.ca_file), _tls(name, settings, config, report)
    for what, url in [*_urls(settings), *await _discovered(pool, name, settings, report)]:
        problem = await _reach(session, url, report, keys=what == "jwks_uri", tls=tls)
        report.lines.append(f"  {what}: {_host(url)} {problem or 'ok'}")
        if problem:
            report.failures.append(f"providers.{name}: {what} at {_host(url)}: {problem}")
    await _credentials(pool, name, settings, f"{config.issuer}/callback/{name}", report)


async def _credentials(
    pool: HttpPool, name: str, settings: ProviderSettings, redirect_uri: str, report: Report
) -> None:
    """Whether the upstream takes what the settings say that it gave us, and what could not be found out."""
    provider = make_provider(pool, name, settings)
    for what, tried in (("credentials", provider), ("bot_token", abilities_of(provider).writes)):
        if tried is None:
            continue
        if not isinstance(tried, TriesCredentials):
            report.lines.append(f"  {what}: not tried, this type knows no call for it")
            continue
        verdict = await tried.try_credentials(new_flow(redirect_uri))
        said = {True: "ok", False: "refused", None: "could not be found out"}[verdict.good]
        report.lines.append(f"  {what}: {said} ({verdict.detail})")
        if verdict.good is False:
            report.failures.append(f"providers.{name}: {what}: refused ({verdict.detail}); wrong, withdrawn or expired")


def _tls(name: str, settings: ProviderSettings, config: Config, report: Report) -> ssl.SSLContext | None:
    """What this provider has of its own; warns when its certificate ends soon."""
    if not isinstance(settings, TlsSettings):
        return None
    ends = settings.tls.expires_at()
    if ends is not None and ends < report.now() + _RENEWAL:
        day = datetime.fromtimestamp(ends, UTC).date()
        report.warnings.append(f"providers.{name}.tls.client_cert: ends on {day}; put its successor there and reload")
    return settings.tls.context(config.network.ca_file)


async def _discovered(pool: HttpPool, name: str, settings: ProviderSettings, report: Report) -> list[tuple[str, str]]:
    """(what, URL) of what a provider's discovery document names, after the checks of a login."""
    rules = getattr(settings, "discovery", None)
    if not isinstance(rules, DiscoveryRules):
        return []
    tls = settings.tls if isinstance(settings, TlsSettings) else None
    http = pool.for_provider(name, recorder=Nobody(), server_base=settings.server_base, tls=tls)
    try:
        found = read_metadata(await http.get_json(rules.address), rules)
    except UpstreamError as error:
        report.failures.append(f"providers.{name}: discovery at {_host(rules.address)}: {error.detail}")
        return []
    report.lines.append(f"  discovery: {_host(rules.address)} ok")
    return [
        ("authorization_endpoint", rebase(found.authorization_endpoint, settings.browser_base)),
        ("token_endpoint", rebase(found.token_endpoint, settings.server_base)),
        ("jwks_uri", rebase(found.jwks_uri, settings.server_base)),
    ]


def _urls(settings: ProviderSettings) -> Iterator[tuple[str, str]]:
    """(what, URL) of each fixed address of the type, moved to where the settings say the upstream is."""
    kind = provider_types([settings.type])[settings.type]
    for what in ("authorize_url", "token_url", "jwks_uri"):
        url = getattr(settings, what, getattr(kind, what, ""))
        if isinstance(url, str) and url.startswith("https://"):
            base = settings.browser_base if what == "authorize_url" else settings.server_base
            parts = urlsplit(url)
            yield what, f"{base or f'{parts.scheme}://{parts.netloc}'}{parts.path}"


async def _reach(
    session: aiohttp.ClientSession, url: str, report: Report, *, keys: bool, tls: ssl.SSLContext | None
) -> str:
    """Why a URL does not answer, or "". Any HTTP status proves that somebody is there; a key set must hold keys."""
    try:
        async with session.get(url, allow_redirects=False, ssl=tls or True) as answer:
            report.compare_clocks(_host(url), answer.headers.get("Date", ""))
            if not keys:
                return "" if answer.status < 500 else f"answered {answer.status}"
            body = await answer.content.read(_LIMIT)
    except aiohttp.ClientError as error:
        return f"cannot be reached ({type(error).__name__})"
    except TimeoutError:
        return "did not answer in time"
    return "" if answer.status == 200 and b'"kty"' in body else f"answered {answer.status} without keys"


async def _ourselves(session: aiohttp.ClientSession, config: Config, report: Report) -> None:
    url = f"{config.issuer}/.well-known/openid-configuration"
    try:
        async with session.get(url, allow_redirects=False) as answer:
            found = (await answer.json(content_type=None)).get("issuer") if answer.status == 200 else answer.status
    except (aiohttp.ClientError, TimeoutError, ValueError, AttributeError):
        report.warnings.append(f"issuer: {url} cannot be reached from here; fine before the first start")
        return
    if found != config.issuer:
        report.warnings.append(f"issuer: {url} does not lead to this broker (it says {str(found)[:100]!r})")
    else:
        report.lines.append(f"issuer: {config.issuer} leads here")


async def _redis(url: str, report: Report) -> None:
    from redis.asyncio import Redis
    from redis.exceptions import RedisError

    client = Redis.from_url(url, socket_connect_timeout=4, socket_timeout=4)
    try:
        answer = await client.info("memory")
        report.lines.append(f"redis: ok, maxmemory-policy {answer.get('maxmemory_policy', 'unknown')}")
    except (RedisError, OSError) as error:
        report.failures.append(f"storage.redis: {type(error).__name__}: it does not answer as it should")
    finally:
        await client.aclose()


def _host(url: str) -> str:
    return urlsplit(url).netloc
