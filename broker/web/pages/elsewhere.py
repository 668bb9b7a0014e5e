"""Accounts of people at providers, which apps may use for them, as pages show these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """One that an app asks for: the provider's name here and its plain name, and for what, in the provider's words."""

    provider: str
    title: Mapping[str, str]
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UsedElsewhere:
    """One that is in use: by the way in of this handle, of a provider of this kind, by these apps, since a day."""

    handle: str
    kind: str
    title: Mapping[str, str]
    person_name: str
    address: str
    apps: tuple[Mapping[str, str], ...]
    since: str
