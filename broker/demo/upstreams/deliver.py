"""How emulated services call apps: on this machine, without redirects, and without minding that nobody answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp

from broker.demo.visitor import LocalhostResolver


async def post_form(url: str, form: Mapping[str, str]) -> int:
    """Post a form to an app on this machine; the status of the answer, 0 where nobody answers."""
    return await _post(url, data=form)


async def post_json(url: str, body: Mapping[str, object], headers: Mapping[str, str]) -> int:
    """The same with JSON."""
    return await _post(url, json=body, headers=headers)


async def post_body(url: str, body: str, content_type: str) -> tuple[int, str]:
    """The same with any body; the answer comes along."""
    return await _ask(url, data=body.encode(), headers={"content-type": content_type})


async def _post(url: str, **sent: Any) -> int:
    return (await _ask(url, **sent))[0]


async def _ask(url: str, **sent: Any) -> tuple[int, str]:
    connector, timeout = aiohttp.TCPConnector(resolver=LocalhostResolver()), aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False) as http:
        try:
            async with http.post(url, allow_redirects=False, **sent) as answer:
                return answer.status, await answer.text()
        except (aiohttp.ClientError, TimeoutError):
            return 0, ""
