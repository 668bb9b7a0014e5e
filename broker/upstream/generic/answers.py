"""How the answer to a described call is read: what is an error, which part counts, and what form it has."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl

from broker.core.errors import UpstreamInvalid
from broker.core.expressions import find
from broker.core.wire import strict_json
from broker.upstream.answer import UpstreamAnswer, clean_name

_FORM = re.compile(rb"[A-Za-z0-9_.~%+\-*=&!:/,]{1,65536}")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a description says about one answer.

    `error_paths`: anything there is an error, with status 200, too. `not_now`: error names and codes that mean so.
    `form`: what is no JSON may be form-encoded. `only_form`: it has to be. `kind`: what the answer has to be.
    `nothing_at`: statuses that only mean that there is nothing, which is None.
    """

    root: str | None = None
    error_paths: Collection[str] = ()
    not_now: frozenset[str] = frozenset()
    form: bool = False
    only_form: bool = False
    kind: type[dict[Any, Any]] | type[list[Any]] = dict
    nothing_at: Collection[int] = ()

    def read(self, answer: UpstreamAnswer) -> Any:
        """The part that counts, never empty; raises as `UpstreamAnswer.value`, and for what it is not."""
        if answer.got.status in self.nothing_at:
            return None
        answer = replace(answer, not_now=answer.not_now | self.not_now)
        value = answer.value(self._parse)
        for path in self.error_paths:
            if told := find(path, value):
                raise answer.refusal(clean_name(told))
        if not isinstance(value, self.kind) or not value:
            raise UpstreamInvalid(f"{answer.what}: not a JSON {'object' if self.kind is dict else 'list'}, or empty")
        return self._part(value, answer.what)

    def _part(self, value: Any, what: str) -> Any:
        part = value if self.root is None else find(self.root, value)
        if not isinstance(part, dict | list) or not part:
            raise UpstreamInvalid(f"{what}: nothing at {self.root}")
        if isinstance(part, list) and not all(isinstance(one, dict) for one in part):
            raise UpstreamInvalid(f"{what}: a list of something else than objects")
        return part

    def _parse(self, raw: bytes) -> Any:
        """quirk(oauth2): many say text/html of either form, so the first character decides (contract read 2026-11)."""
        if self.only_form or (self.form and not raw.lstrip().startswith((b"{", b"["))):
            return parse_form(raw)
        return strict_json.parse_json(raw)


def parse_form(raw: bytes) -> Mapping[str, str]:
    """The members of a form; raises Malformed for anything else, and where one is named twice."""
    text = raw.strip()
    if _FORM.fullmatch(text) is None:
        raise strict_json.Malformed("neither JSON nor a form")
    try:
        pairs = parse_qsl(text.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict")
    except ValueError:
        raise strict_json.Malformed("neither JSON nor a form") from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise strict_json.Malformed("a form that names a member twice")
    return found
