"""The `state` we send upstream: unguessable, short, and recognisable as ours without looking anything up.

Four bytes of time, sixteen random ones, two that hint at the app and ten of a keyed digest: 43 characters of base64url,
as short as the strictest upstream wants and as long as the most demanding one does. Because it is recognisable, a flood
of made-up states is refused without a single write. The hint leads a person back to the app where nothing else is
known: in a browser that did not begin, or long after. It is keyed, so an upstream learns nothing from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import sha256
from hmac import compare_digest
from hmac import digest as hmac_digest

from broker.core.jose.compact import b64url, decode_segment
from broker.core.wire.strict_json import Malformed

_TIME, _RANDOM, _HINT, _PROOF = 4, 16, 2, 10
_LENGTH = 43


class States:
    """Mints and recognises states."""

    def __init__(self, keys: tuple[bytes, ...], randomness: Callable[[int], bytes]) -> None:
        """`keys`: 32 bytes each of the purpose "state"; the first mints, all of them recognise (for rotation)."""
        self._keys = keys
        self._randomness = randomness

    def mint(self, now: int, client_id: str) -> str:
        """A fresh state for a login to this client; `now` in epoch seconds."""
        unguessable = now.to_bytes(_TIME, "big") + self._randomness(_RANDOM)
        body = unguessable + _hint(self._keys[0], unguessable, client_id)
        return b64url(body + _prove(self._keys[0], body))

    def started_at(self, state: str) -> int | None:
        """When this state was minted (epoch seconds), or None when it is not one of ours."""
        body = self._body_of(state)
        return int.from_bytes(body[:_TIME], "big") if body else None

    def whose(self, state: str, client_ids: Iterable[str]) -> str:
        """Which of these clients the state was most likely minted for, or "". Good for a link, and for nothing else."""
        body = self._body_of(state)
        if not body:
            return ""
        unguessable, hint = body[:-_HINT], body[-_HINT:]
        fitting = [name for name in client_ids if any(_hint(key, unguessable, name) == hint for key in self._keys)]
        return fitting[0] if len(fitting) == 1 else ""

    def _body_of(self, state: str) -> bytes:
        """What a state of ours says, or nothing."""
        if len(state) != _LENGTH:
            return b""
        try:
            raw = decode_segment(state)
        except Malformed:
            return b""
        body, proof = raw[:-_PROOF], raw[-_PROOF:]
        if not any([compare_digest(proof, _prove(key, body)) for key in self._keys]):
            return b""
        return body

    @staticmethod
    def tag(state: str) -> str:
        """The short public name of an attempt, for its cookie."""
        return sha256(state.encode()).hexdigest()[:12]


def _hint(key: bytes, unguessable: bytes, client_id: str) -> bytes:
    """Two bytes that differ at every login, so that two states do not show whether they are for one app."""
    return hmac_digest(key, b"client\0" + unguessable + client_id.encode(), "sha256")[:_HINT]


def _prove(key: bytes, body: bytes) -> bytes:
    return hmac_digest(key, body, "sha256")[:_PROOF]
