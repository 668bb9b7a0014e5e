"""Records as 0.1 kept them before they nested (migration on read). To be deleted, with its call, in 0.2.

Nothing is rewritten: a grant of before is read this way for as long as it lives.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import json

Fields = Mapping[str, Any]
_LOGIN = ("sub", "provider", "provider_key", "subject", "auth_time", "amr", "sid", "acr", "upstream_sid", "began_at")
_REQUEST = ("client_id", "redirect_uri", "scope", "nonce", "code_challenge", "resource", "dpop_jkt", "claims")
_FLAT: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "session": {"login": _LOGIN},
    "code": {"login": _LOGIN, "request": _REQUEST},
    "grant": {"login": _LOGIN},
}


def nest(kind: str, old: Fields) -> Fields:
    """The fields as they are named today; of what was never flat, the same. Raises DecodeError."""
    request = old.get("request")
    if isinstance(request, str):  # JSON as text within JSON
        return nest(kind, {**old, "request": json.decode(request)})
    if kind == "flow":  # every attempt was for a client
        device = isinstance(request, dict) and request.get("device")
        return {**old, "purpose": {"type": "device" if device else "authorize", "request": request}}
    return {**old, **{name: _gather(old, names) for name, names in _FLAT.get(kind, {}).items()}}


def _gather(old: Fields, names: tuple[str, ...]) -> Fields:
    """Codes and grants did not say by which name their provider went."""
    return {"provider": ""} | {name: old[name] for name in names if name in old}
