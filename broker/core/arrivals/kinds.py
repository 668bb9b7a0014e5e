"""What ids look like at the upstreams of our types, and under which names other systems have the same ids.

Read from the code of django-allauth 65, social-core 7 and Keycloak 26, and from Dex's documentation (2026-11).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_NUMBER = re.compile(r"[1-9][0-9]{0,19}")
_NO_ADDRESS = re.compile(r"[0-9A-Za-z._-]+")
_ANY = re.compile(r".+")


@dataclass(frozen=True, slots=True)
class Kind:
    """How people are known at an upstream: what their id looks like there, and whether every app sees another one.

    `proves`: it tells of an address whether it is proven, and is believed.
    """

    shape: re.Pattern[str] = _ANY
    per_app: bool = False
    proves: bool = False


KINDS: Final[Mapping[str, Kind]] = {
    "google": Kind(_NO_ADDRESS, proves=True),
    "apple": Kind(_NO_ADDRESS, per_app=True, proves=True),
    "facebook": Kind(_NUMBER, per_app=True),
    "linkedin": Kind(_NO_ADDRESS, per_app=True),
    **dict.fromkeys(("vk", "ok", "yandex", "telegram", "github", "x", "mailru", "discord"), Kind(_NUMBER)),
    **dict.fromkeys(("gitlab", "twitch"), Kind(_NUMBER)),
    "spotify": Kind(),
}
"""By our type. What is not here is an upstream of the operator's: ids as they are, and seen by this app alone."""

OTHER: Final = Kind(per_app=True)

_SAME = {name: name for name in ("google", "github", "facebook", "discord", "gitlab", "spotify", "twitch")}
ALLAUTH: Final[Mapping[str, str]] = {
    **_SAME,
    **{name: name for name in ("apple", "telegram", "vk", "yandex")},
    **{"odnoklassniki": "ok", "twitter": "x", "twitter_oauth2": "x"},
}
SOCIAL_AUTH: Final[Mapping[str, str]] = {
    **{name: name for name in ("github", "facebook", "discord", "gitlab", "spotify", "twitch", "telegram", "mailru")},
    **{
        "google-oauth2": "google",
        "google-openidconnect": "google",
        "google-plus": "google",
        "google-identity": "google",
    },
    **{"github-org": "github", "github-team": "github", "facebook-app": "facebook", "apple-id": "apple"},
    **{
        "odnoklassniki-oauth2": "ok",
        "odnoklassniki-app": "ok",
        "vk-oauth2": "vk",
        "vk-id": "vk",
        "yandex-oauth2": "yandex",
    },
    **{"twitter": "x", "twitter-oauth2": "x", "linkedin-openidconnect": "linkedin"},
}
KEYCLOAK: Final[Mapping[str, str]] = {
    **{name: name for name in ("google", "github", "facebook", "gitlab")},
    **{"twitter": "x", "linkedin-openid-connect": "linkedin"},
}
DEX: Final[Mapping[str, str]] = {name: name for name in ("google", "github", "gitlab")}

_MICROSOFT = "it has ids of Microsoft Graph, and providers of type microsoft know people by tenant and object"
_APART: Final[Mapping[str, str]] = {
    **dict.fromkeys(("microsoft", "microsoft-graph", "azuread-oauth2", "azuread-tenant-oauth2"), _MICROSOFT),
    **dict.fromkeys(("azuread-v2-tenant-oauth2", "azuread-oauth2-v2"), _MICROSOFT),
    "mailru-oauth2": "it has ids of Mail.ru's older service, which has been shut",
    "instagram": "it has ids of Instagram's older service, which has been shut",
    "slack": "it has a person's and a team's id in an order of its own",
    "linkedin_oauth2": "it has ids of LinkedIn's older service",
    "linkedin-oauth2": "it has ids of LinkedIn's older service",
    "local": "its people have a password there and no account at an upstream",
}
ALLAUTH_APART: Final[Mapping[str, str]] = {**_APART, "mailru": _APART["mailru-oauth2"]}
OTHERS_APART: Final = _APART
"""Names under which another system has ids that nobody is known by here, and why."""
