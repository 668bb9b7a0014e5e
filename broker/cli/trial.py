"""What `broker provider test` does: one real login at one provider, without the broker and without an account."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web

from broker.cli.alone import make_provider, new_flow
from broker.core.errors import UpstreamError
from broker.core.people.identity import Identity
from broker.upstream.exchange import Request
from broker.upstream.http import HttpPool
from broker.upstream.model import Channel, Provider, Redirect, Reply, unpack_reply
from broker.upstream.trial import shown

if TYPE_CHECKING:
    from broker.config.model import Config

_FRAGMENT_PAGE = """<!doctype html><meta charset="utf-8"><title>broker provider test</title>
<form id="fragment-form" method="post"><input type="hidden" name="fragment"></form>
<noscript>This answer needs scripts.</noscript>
<script>document.forms[0].fragment.value = location.hash.slice(1); document.forms[0].submit()</script>"""
_DONE_PAGE = "The answer is in the terminal. You can close this page."
_WAIT = 600  # seconds that somebody may take at the provider


class TrialFailed(Exception):
    """The login did not come to an end that says something; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Trial:
    """How one is done: `redirect_uri` is the callback that the provider's console knows, `say` prints a line.

    `port`: where the answer comes in on this machine; 0: nobody listens, and `ask` reads the address that the browser
    ended at. `wait`: seconds for a person.
    """

    redirect_uri: str
    port: int
    say: Callable[[str], None]
    ask: Callable[[str], str]
    wait: float = _WAIT


async def log_in(config: Config, name: str, trial: Trial) -> None:
    """Say what the provider `name` answers and whom that describes; raises TrialFailed."""
    settings = config.providers[name]

    def hear(request: Request, outcome: object) -> None:
        trial.say(f"\n{request.method} {request.url.partition('?')[0]}\n{_json(shown(request, outcome))}")

    network = config.network
    pool = await HttpPool.open(ca_file=network.ca_file, trust_env=network.trust_env, hear=hear)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(pool.close)
        try:
            identity = await _go(make_provider(pool, name, settings), trial)
        except UpstreamError as error:
            raise TrialFailed(f"{type(error).__name__}: {error.detail}") from None
    trial.say(f"\n{_describe(identity)}")


async def _go(provider: Provider, trial: Trial) -> Identity:
    flow = new_flow(trial.redirect_uri)
    step = await provider.begin(flow)
    if not isinstance(step, Redirect):
        raise TrialFailed("this provider shows its widget on a page of the broker; try it by `broker serve`")
    flow = replace(flow, memo=step.memo)
    reply = await (_listen(provider, trial, step.url) if trial.port else _read(trial, step.url))
    return await provider.finish(flow, unpack_reply(provider, reply))


async def _read(trial: Trial, url: str) -> Reply:
    """The answer in the address that the browser ended at, which somebody copies here."""
    trial.say(f"Open this, sign in, and copy the address that your browser ends at:\n\n  {url}\n")
    ended = urlsplit((await asyncio.to_thread(trial.ask, "Address")).strip())
    via, text = (Channel.FRAGMENT, ended.fragment) if ended.fragment else (Channel.QUERY, ended.query)
    return Reply(via, _params(text))


async def _listen(provider: Provider, trial: Trial, url: str) -> Reply:
    """The answer as it comes to a listener on this machine, by query, form or fragment."""
    arrived: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
    path = urlsplit(trial.redirect_uri).path

    async def receive(request: web.Request) -> web.Response:
        if request.method == "GET" and not request.query_string and Channel.FRAGMENT in provider.channels:
            return web.Response(text=_FRAGMENT_PAGE, content_type="text/html")
        reply = await _read_request(request)
        if not arrived.done():
            arrived.set_result(reply)
        return web.Response(text=_DONE_PAGE)

    app = web.Application()
    app.add_routes([web.route("*", path, receive), web.route("*", path + "/{state}", receive)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, "127.0.0.1", trial.port).start()
        except OSError:
            raise TrialFailed(f"port {trial.port} is taken; name another with --port") from None
        trial.say(f"Open this and sign in; the answer comes back here:\n\n  {url}\n")
        async with asyncio.timeout(trial.wait):
            return await arrived
    except TimeoutError:
        raise TrialFailed(
            f"nothing came back to {trial.redirect_uri}; if the provider showed an error of its own, its console does "
            "not know that address: register it, or use --paste with the broker's"
        ) from None
    finally:
        await runner.cleanup()


async def _read_request(request: web.Request) -> Reply:
    if request.method != "POST":
        return Reply(Channel.QUERY, _params(request.query_string))
    posted = _params((await request.read()).decode("utf-8", errors="replace"))
    if set(posted) == {"fragment"}:
        return Reply(Channel.FRAGMENT, _params(posted["fragment"]))
    return Reply(Channel.FORM_POST, posted)


def _params(text: str) -> Mapping[str, str]:
    """Each parameter once; raises TrialFailed, as a broker would refuse what came twice."""
    pairs = parse_qsl(text, keep_blank_values=True)
    if len(dict(pairs)) != len(pairs):
        raise TrialFailed("a parameter of the answer came twice")
    return dict(pairs)


def _describe(identity: Identity) -> str:
    """What apps would be told, as far as this provider is concerned."""
    found: dict[str, Any] = {"subject": identity.subject, "claims": dict(identity.claims)}
    more = {"raw_ids": dict(identity.raw_ids), "amr": list(identity.amr), "acr": identity.acr}
    found |= {name: value for name, value in more.items() if value}
    found |= {"auth_time": identity.auth_time} if identity.auth_time is not None else {}
    return f"Identity\n{_json(found)}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)
