"""From the answers of a described upstream to an identity."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from broker.core.errors import UpstreamDenied, UpstreamInvalid
from broker.core.expressions import find, first_name
from broker.core.people.identity import Identity
from broker.upstream.extra_claims import with_extra
from broker.upstream.fields import Fields, birthdate, contact, https_url, international, person
from broker.upstream.generic.described import PeopleSettings, Rules
from broker.upstream.generic.templates import fill_link
from broker.upstream.generic.values import SHOWN

_DATES: Final[Mapping[str, re.Pattern[str]]] = {
    "YYYY-MM-DD": re.compile(r"(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})"),
    "DD.MM.YYYY": re.compile(r"(?P<d>\d{1,2})\.(?P<m>\d{1,2})(?:\.(?P<y>\d{4}))?"),
    "MM/DD/YYYY": re.compile(r"(?P<m>\d{1,2})/(?P<d>\d{1,2})(?:/(?P<y>\d{4}))?"),
}
_LINKS: Final = ("profile", "website")
_TEXTS: Final = ("middle_name", "gender", "birthdate", "zoneinfo", "locale")


@dataclass(frozen=True, slots=True)
class Describing:
    """Reads people as the settings say; `odd` counts a claim that could not be shown."""

    settings: PeopleSettings
    odd: Callable[[str], None]

    def identity(self, document: Mapping[str, Any]) -> Identity:
        """Who it is. Raises UpstreamInvalid without one id, UpstreamDenied where a rule keeps the person out."""
        subject = self.subject(self.settings.claims["sub"], document)
        for path in self.settings.rules.same_subject:
            if "token" not in document and first_name(path) == "token":
                continue  # a posted token came without an answer; whose it is, `token_check` has said
            if self.subject(path, document) != subject:
                raise UpstreamInvalid(f"two answers are about two people ({path})")
        check_rules(self.settings.rules, document)
        told = {name: self._shown(name, document) for name in SHOWN}
        given, family = told["given_name"], told["family_name"]
        username = told["preferred_username"]
        known = person(
            told["name"] or (None if given or family else username),
            given,
            family,
            nickname=told["nickname"],
            username=username,
            picture=told["picture"],
        )
        known |= {name: told[name] for name in _TEXTS} | {name: https_url(told[name]) for name in _LINKS}
        ids = {name: self._id(path, document) for name, path in self.settings.ids.items()}
        found = Identity(subject, known | self._contact(document), raw_ids={n: v for n, v in ids.items() if v})
        return with_extra(found, self.settings, _without_tokens(document), self.odd)

    def subject(self, path: str, document: Mapping[str, Any]) -> str:
        """The id that is found there: text, or a whole number exactly; raises UpstreamInvalid for anything else."""
        value = Fields({path: find(path, document)}, "answers")
        if self.settings.types.sub == "decimal" or isinstance(value.raw(path), int):
            return value.decimal_id(path)
        return value.text(path)

    def _id(self, path: str, document: Mapping[str, Any]) -> str:
        value = find(path, document)
        return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""

    def _shown(self, name: str, document: Mapping[str, Any]) -> str | None:
        """A claim as people may see it."""
        path = self.settings.claims.get(name)
        value = find(path, document) if path else None
        if name == "gender":
            value = self._gender(value)
        elif not isinstance(value, str) and value not in (None, False):
            self.odd(name)
            value = None
        elif name == "birthdate" and value:
            value = self._date(value)
        elif value and name in self.settings.templates:
            value = fill_link(self.settings.templates[name], {**document, "value": value})
        return value or self.settings.defaults.get(name)

    def _gender(self, value: Any) -> str | None:
        words = self.settings.types.values.get("gender")
        text = str(value) if isinstance(value, str | int) else ""
        return words.get(text) if words is not None else text if text in {"female", "male"} else None

    def _date(self, value: str) -> str | None:
        found = _DATES[self.settings.types.birthdate].fullmatch(value)
        return birthdate(found["y"], found["m"], found["d"]) if found else None

    def _contact(self, document: Mapping[str, Any]) -> dict[str, Any]:
        rules = self.settings.email
        email, phone = self._address("email", document), self._address("phone_number", document)
        domain = (email or "").rpartition("@")[2].lower()
        verified = rules.trust == "always" or domain in rules.verified_domains or self._is("email_verified", document)
        return contact(
            email=None if domain in rules.drop_domains else email,
            email_verified=verified and rules.trust != "never",
            phone=international(phone) if self.settings.types.phone_number == "digits" else phone,
            phone_verified=self._is("phone_number_verified", document) and rules.trust != "never",
        )

    def _address(self, name: str, document: Mapping[str, Any]) -> str | None:
        path = self.settings.claims.get(name)
        return Fields({name: find(path, document) if path else None}, "answers", self.odd).shown(name)

    def _is(self, name: str, document: Mapping[str, Any]) -> bool:
        path = self.settings.claims.get(name)
        value = find(path, document) if path else None
        return value is True or (self.settings.types.string_booleans and value in ("true", "1"))


def _without_tokens(document: Mapping[str, Any]) -> dict[str, Any]:
    """What may be told to apps: an expression that names a token by mistake finds nothing."""
    told = {name: value for name, value in document.items() if name != "access_token"}
    if isinstance(beside := document.get("token"), Mapping):
        told["token"] = {name: value for name, value in beside.items() if not name.endswith("token")}
    return told


def check_rules(rules: Rules, document: Mapping[str, Any]) -> None:
    """Raise UpstreamDenied for somebody whom the rules keep out."""
    granted = scopes_of(find("token.scope", document))
    if missing := [scope for scope in rules.require_scopes if scope not in granted]:
        raise UpstreamDenied(f"the person did not grant {' '.join(missing)}")
    for path, allowed in rules.allowed_values.items():
        value = find(path, document)
        if not {as_text(one) for one in (value if isinstance(value, list) else [value])} & set(allowed):
            raise UpstreamDenied(f"{path} is none of the values that may come in")
    for path, refused in rules.deny_if.items():
        if as_text(find(path, document)) == refused:
            raise UpstreamDenied(f"{path} is what keeps people out")


def scopes_of(value: Any) -> tuple[str, ...]:
    """Granted scopes: a list, or a text with blanks or commas."""
    if isinstance(value, str):
        return tuple(re.split(r"[\s,]+", value.strip())) if value.strip() else ()
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()


def as_text(value: Any) -> str | None:
    """A plain value as configurations write it; None for any other."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int) else None
