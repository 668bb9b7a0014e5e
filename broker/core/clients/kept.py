"""A client that operators keep in the database, beside those of config.yaml and trusted as they are (ADR 75)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from broker.core.records import Record, Value

MOST_SECRETS = 4  # live at once: one, and those that others still come with


class KeptSecret(Value, frozen=True):
    """`digest` is SHA-256 in hexadecimal. It counts before `until`, epoch seconds; 0: until it is taken away."""

    digest: str
    made_at: int
    until: int = 0


class KeptClient(Record, frozen=True, tag="kept-client"):
    """`settings` are what was said, in the words of config.yaml; `version` counts its changes. Epoch seconds."""

    client_id: str
    settings: Mapping[str, Any]
    created_at: int
    changed_at: int
    version: int = 1
    secrets: tuple[KeptSecret, ...] = ()

    def good_secrets(self, now: int) -> tuple[KeptSecret, ...]:
        """The secrets that count at this time, the newest first."""
        return tuple([one for one in self.secrets if not one.until or one.until > now])

    def changed(self, now: int, **changes: Any) -> KeptClient:
        """The next version of it, without secrets that are over."""
        return self.replace(
            **{"secrets": self.good_secrets(now), **changes, "changed_at": now, "version": self.version + 1}
        )


@dataclass(frozen=True, slots=True)
class Judged:
    """Settings that every rule lets pass, as config.yaml would have them.

    `digests` are of secrets that were brought along. `needs_secret`: it proves itself by one. `warnings`: what works
    and is unwise.
    """

    settings: Mapping[str, Any]
    digests: tuple[str, ...]
    needs_secret: bool
    warnings: tuple[str, ...]


def merge(before: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with what was said in place of them; null takes one out, as JSON Merge Patch (RFC 7396) has it.

    Settings are replaced whole: a list or a mapping is not merged inside.
    """
    return {name: value for name, value in {**before, **said}.items() if value is not None}


def rotate(client: KeptClient, digest: str, *, now: int, keep_for: int) -> KeptClient:
    """With another secret. Those of before count for `keep_for` more seconds at most, 0: no more."""
    until = now + keep_for
    before = [one.replace(until=min(one.until or until, until)) for one in client.good_secrets(now)] if keep_for else []
    return client.changed(now, secrets=(KeptSecret(digest, now), *before))
