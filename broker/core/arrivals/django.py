"""People of a Django site, from its rows: django-allauth's `socialaccount`, python-social-auth's `social_django`."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from broker.core.arrivals.newcomer import Newcomer, Source, Way

Row = Mapping[str, Any]
_NAMES = ("name", "given_name", "family_name")
_KEPT = (*_NAMES, "email", "email_verified")


@dataclass(frozen=True, slots=True)
class Tables:
    """Rows of a site. `ways` are SocialAccount or UserSocialAuth. Those of `users` have their primary key as `pk`, too,
    and when they joined as `joined_at` (epoch seconds), 0 where nobody knows.

    `apps` are SocialApp: allauth keeps client ids there, or in its settings, where nobody sees them.
    """

    users: Iterable[Row]
    ways: Iterable[Row]
    apps: Iterable[Row] = field(default=())


def read_allauth(tables: Tables, *, id_field: str = "pk") -> Source:
    """Everybody, each with their social accounts; raises KeyError with the name of a column that is not there.

    `provider` of a social account is the app's `provider_id` where it has one (allauth.socialaccount.models).
    """
    apps: dict[str, set[str]] = defaultdict(set)
    kinds: dict[str, str] = {}
    for app in tables.apps:
        name = str(app.get("provider_id") or app["provider"])
        kinds[name] = str(app["provider"])
        apps[name].add(str(app["client_id"]))
    people = _people(tables, id_field, _allauth_subject)
    return Source(people, kinds, {name: frozenset(ids) for name, ids in apps.items()})


def read_social_auth(tables: Tables, *, id_field: str = "pk") -> Source:
    """Everybody, each with their social auths; raises KeyError with the name of a column that is not there.

    Client ids are in the settings of the site.
    """
    return Source(_people(tables, id_field, _social_subject))


def _people(tables: Tables, id_field: str, subject: Any) -> tuple[Newcomer, ...]:
    ways: dict[str, list[Way]] = defaultdict(list)
    users = list(tables.users)
    names = {str(user["pk"]): _user_names(user) for user in users}
    for row in tables.ways:
        owner = str(row["user_id"] if "user_id" in row else row["user"])
        extra = _extra(row.get("extra_data"))
        claims = names.get(owner, {}) | _claims(extra)
        ways[owner].append(Way(str(row["provider"]), subject(str(row["uid"]), extra), claims))
    return tuple([_person(user, id_field, ways[str(user["pk"])]) for user in users])


def _person(user: Row, id_field: str, ways: list[Way]) -> Newcomer:
    return Newcomer(str(user[id_field]), tuple(ways), user["joined_at"], blocked=not user.get("is_active", True))


def _allauth_subject(uid: str, _: Row) -> str:
    return uid


def _social_subject(uid: str, extra: Row) -> str:
    """quirk(social-core): Google's people were known by their address before version 5; what Google calls them is in
    `extra_data`, where they have signed in since (social_core.backends.google, read 2026-11).
    """
    told = extra.get("sub")
    return told if "@" in uid and isinstance(told, str) and told else uid


def _extra(kept: object) -> dict[str, Any]:
    """What an upstream answered, as the site keeps it: JSON, in text or not; {} for anything else.

    quirk(allauth): of OpenID Connect it keeps the userinfo answer and the ID token beside each other.
    """
    if isinstance(kept, str):
        try:
            kept = json.loads(kept)
        except ValueError:
            return {}
    if not isinstance(kept, dict):
        return {}
    inner = kept.get("userinfo") or kept.get("id_token")
    return inner if isinstance(inner, dict) else kept


def _claims(extra: Row) -> dict[str, Any]:
    found = {name: extra[name] for name in _KEPT if extra.get(name) not in (None, "")}
    return {name: value for name, value in found.items() if name == "email_verified" or isinstance(value, str)}


def _user_names(user: Row) -> dict[str, str]:
    """What they are called at the site."""
    given, family = (str(user.get(name) or "").strip() for name in ("first_name", "last_name"))
    told = {"name": f"{given} {family}".strip(), "given_name": given, "family_name": family}
    return {name: text for name, text in told.items() if text}
