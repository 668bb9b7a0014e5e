"""A login tried by hand: what an upstream answers can be looked at, with everything secret in it masked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from broker.core.errors import UpstreamError
from broker.core.jose.compact import decode_segment
from broker.upstream.answer import UpstreamAnswer
from broker.upstream.exchange import Request
from broker.upstream.fields import Fields
from broker.upstream.model import Http, Result

_SECRET: Final = re.compile(r"(?i)(^|_)(token|secret|secret_key|code|hash|password|assertion)$")
_SHOWN: Final = 4  # characters of a secret: enough to tell two of them apart, and of no use to anybody

Hear = Callable[[str, object], None]


class Listening(Http):
    """The calls of one provider, each told with its answer as parsed, or with the reason why there is none."""

    def __init__(self, http: Http, hear: Hear) -> None:
        """`hear` gets method and address, without the query, and the answer."""
        self._http = http
        self._hear = hear

    @property
    def down_for(self) -> float | None:
        return self._http.down_for

    async def get_json(
        self, url: str, *, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Fields:
        with _Told(self._hear, "GET", url) as told:
            return told.fields(await self._http.get_json(url, params=params, headers=headers))

    async def get_value(
        self, url: str, *, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> object:
        with _Told(self._hear, "GET", url) as told:
            return told.value(await self._http.get_value(url, params=params, headers=headers))

    async def post_form(
        self,
        url: str,
        form: Mapping[str, str],
        *,
        basic: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Fields:
        with _Told(self._hear, "POST", url) as told:
            return told.fields(await self._http.post_form(url, form, basic=basic, headers=headers))

    async def post_json(
        self,
        url: str,
        document: Mapping[str, object],
        *,
        basic: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Fields:
        with _Told(self._hear, "POST", url) as told:
            return told.fields(await self._http.post_json(url, document, basic=basic, headers=headers))

    async def post_form_value(self, url: str, form: Mapping[str, str]) -> object:
        with _Told(self._hear, "POST", url) as told:
            return told.value(await self._http.post_form_value(url, form))

    async def ask(self, request: Request, read: Callable[[UpstreamAnswer], Result]) -> Result:
        with _Told(self._hear, request.method, request.url) as told:
            answer = await self._http.ask(request, read)
            shown = {name: answer.raw(name) for name in answer} if isinstance(answer, Fields) else answer
            # Where tokens come by names that nobody knows beforehand, the names are all that is told.
            told.value(dict.fromkeys(shown, "…") if request.once and isinstance(shown, dict) else shown)
            return answer

    def tell(self, url: str, *, headers: Mapping[str, str] | None = None) -> None:
        self._hear(f"GET {url.partition('?')[0]}", "told; nobody waits for an answer")
        self._http.tell(url, headers=headers)


class _Told:
    """One call: its answer, or the UpstreamError it ended with, is told."""

    def __init__(self, hear: Hear, method: str, url: str) -> None:
        self._hear = hear
        self._what = f"{method} {url.partition('?')[0]}"

    def __enter__(self) -> _Told:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, UpstreamError):
            self._hear(self._what, error)

    def fields(self, answer: Fields) -> Fields:
        """The same; told is the object it was read from."""
        self._hear(self._what, {name: answer.raw(name) for name in answer})
        return answer

    def value(self, answer: Result) -> Result:
        """The same, told."""
        self._hear(self._what, answer)
        return answer


def mask(value: Any) -> Any:
    """A JSON value with every secret cut to its first characters, and of an ID token the claims that stand in it."""
    if isinstance(value, list):
        return [mask(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {name: _mask_member(name, one) for name, one in value.items()}


def _mask_member(name: str, value: Any) -> Any:
    if not isinstance(value, str) or _SECRET.search(name) is None:
        return mask(value)
    hidden = f"{value[:_SHOWN]}… ({len(value)} characters)"
    if name != "id_token":
        return hidden
    try:
        claims = json.loads(decode_segment(value.split(".")[1]))
    except (ValueError, IndexError):
        return hidden
    return {"token": hidden, "claims": mask(claims)}
