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


async def _post(url: str, **sent: Any) -> int:
    connector, timeout = aiohttp.TCPConnector(resolver=LocalhostResolver()), aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False) as http:
        try:
            async with http.post(url, allow_redirects=False, **sent) as answer:
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return 0
