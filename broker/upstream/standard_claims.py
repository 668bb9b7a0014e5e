"""The standard claims (OIDC Core 5.1) of an issuer nobody knew beforehand, and what may be configured about them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import AfterValidator

from broker.core.errors import UpstreamInvalid
from broker.core.people.identity import Identity
from broker.upstream.fields import Fields, contact, https_url, person

Trust = Literal["claim", "always", "never"]
Asked = bool | Literal["always"]
Signature = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
Wish = Literal["prompt", "max_age", "login_hint", "ui_locales", "create"]

_NAME = re.compile(r"[\x21-\x7e]{1,128}")
_TEXTS = ("middle_name", "gender", "birthdate", "zoneinfo", "locale")
_ADDRESS = ("formatted", "street_address", "locality", "region", "postal_code", "country")
_MAPPABLE = frozenset(
    {*_TEXTS, "name", "given_name", "family_name", "nickname", "preferred_username", "picture", "profile", "website"}
    | {"email", "email_verified", "phone_number", "phone_number_verified", "address"}
)
# What people, administrators and mail systems change, and give to somebody else afterwards (threats C14).
_MUTABLE = frozenset(
    {*_MAPPABLE, "username", "user_name", "login", "upn", "unique_name", "display_name", "displayname", "mail"}
    | {
        "phone",
        "samaccountname",
        "userprincipalname",
        "cn",
        "groups",
        "aud",
        "iss",
        "azp",
        "nonce",
        "sid",
        "jti",
        "auth_time",
    }
)
_OURS = frozenset(
    {"response_type", "response_mode", "client_id", "client_secret", "redirect_uri", "scope", "state", "nonce"}
    | {"code_challenge", "code_challenge_method", "request", "request_uri", "prompt", "max_age", "login_hint"}
    | {"ui_locales", "id_token_hint", "registration"}
)


def _check_scopes(scopes: tuple[str, ...]) -> tuple[str, ...]:
    if "openid" not in scopes or not all(_NAME.fullmatch(scope) for scope in scopes):
        raise ValueError("scopes are words, and openid is one of them")
    return scopes


def check_subject(name: str) -> str:
    """The name of a claim that may be a person's key; raises ValueError for one that changes or changes hands."""
    if _NAME.fullmatch(name) is None or name.casefold().replace("-", "_") in _MUTABLE:
        raise ValueError(f"{name} can change or pass to somebody else, who would then own the first one's account")
    return name


def _check_mapping(names: dict[str, str]) -> dict[str, str]:
    unknown = sorted(names.keys() - _MAPPABLE)
    if unknown or not all(_NAME.fullmatch(name) for name in names.values()):
        raise ValueError(
            f"write standard claim: name at the issuer; not mappable: {', '.join(unknown) or 'empty name'}"
        )
    return names


def _check_extra(params: dict[str, str]) -> dict[str, str]:
    ours = sorted(_OURS & params.keys())
    if ours:
        raise ValueError(f"the broker itself sends {', '.join(ours)}")
    return params


Scopes = Annotated[tuple[str, ...], AfterValidator(_check_scopes)]
SubjectClaim = Annotated[str, AfterValidator(check_subject)]
ClaimNames = Annotated[dict[str, str], AfterValidator(_check_mapping)]
ExtraParams = Annotated[dict[str, str], AfterValidator(_check_extra)]


def standard_identity(
    claims: Fields, subject: str, names: Mapping[str, str], email_trust: Trust, kind: str = "oidc"
) -> Identity:
    """The identity in verified claims.

    `subject` names the claim that is the person's key, `names` the issuer's name of a standard claim where it has one
    of its own; apps see the issuer's own id as `<kind>_sub`. A claim of a wrong type is left out, for nobody should be
    kept out by an odd picture; a subject of a wrong type raises UpstreamInvalid.
    """
    read = _Reader(claims, names)
    username, email = read.text("preferred_username"), read.text("email")
    given, family = read.text("given_name"), read.text("family_name")
    known = person(
        read.text("name") or (None if given or family else username),
        given,
        family,
        nickname=read.text("nickname"),
        username=username,
        picture=read.text("picture"),
    )
    known |= {name: read.text(name) for name in _TEXTS}
    known |= {name: https_url(read.text(name)) for name in ("profile", "website")}
    known["address"] = read.address()
    trusted = email_trust != "never"
    known |= contact(
        email=email,
        email_verified=trusted and (email_trust == "always" or read.verified("email")),
        phone=read.text("phone_number"),
        phone_verified=trusted and read.verified("phone_number"),
    )
    return Identity(
        claims.text(subject),
        known,
        raw_ids={f"{kind}_sub": claims.text("sub")},
        auth_time=claims.maybe_integer("auth_time"),
        amr=("fed", *read.methods()),
        acr=read.level(),
    )


def within(identity: Identity, claims: Fields, name: str) -> Identity:
    """The same person, whose key counts within the value of a claim only: `U0R7JM.T0R7GR`; raises UpstreamInvalid.

    What stands behind the last dot is that value, so that no two pairs are spelled alike.
    """
    value = claims.text(name)
    if "." in value:
        raise UpstreamInvalid(f"{name} has a dot, and so no place in a key")
    return replace(identity, subject=f"{identity.subject}.{value}")


_PROMISED = {  # OIDC Core 5.4: what an ID token that is not thin has of each scope
    "profile": ("name",),
    "email": ("email", "email_verified"),
    "phone": ("phone_number", "phone_number_verified"),
    "address": ("address",),
}


def asks_userinfo(asked: Asked, claims: Fields, scopes: Iterable[str], names: Mapping[str, str]) -> bool:
    """Whether the ID token's claims lack something that was asked for, by `scopes` or by the issuer's own `names`."""
    if isinstance(asked, str) or not asked:
        return bool(asked)
    wanted = {claim for scope in scopes for claim in _PROMISED.get(scope, ())} | names.keys()
    return any(claims.raw(names.get(claim, claim)) in (None, "") for claim in wanted)


class _Reader:
    """Claims by their standard names."""

    def __init__(self, claims: Fields, names: Mapping[str, str]) -> None:
        self._claims, self._names = claims, names

    def raw(self, name: str) -> Any:
        return self._claims.raw(self._names.get(name, name))

    def text(self, name: str) -> str | None:
        value = self._claims.shown(self._names.get(name, name))
        return value if value and value.strip() else None

    def verified(self, name: str) -> bool:
        """A true boolean, or the text that several servers send in its place.

        The issuer's own word is about its own address: who takes another claim for the address names another word too.
        """
        word = f"{name}_verified"
        alike = (name in self._names) == (word in self._names)
        return alike and self._claims.affirmed(self._names.get(word, word))

    def address(self) -> dict[str, str | None]:
        """The parts of an address (OIDC Core 5.1.1)."""
        parts = self._claims.shown_object(self._names.get("address", "address"))
        return {name: parts.shown(name) for name in _ADDRESS}

    def level(self) -> str:
        """What the issuer says was reached, "" where it says nothing a client could compare."""
        given = self.raw("acr")
        return given if isinstance(given, str) and _NAME.fullmatch(given) else ""

    def methods(self) -> list[str]:
        """How the person authenticated there (RFC 8176)."""
        given = self.raw("amr")
        return [method for method in given if isinstance(method, str)] if isinstance(given, list) else []
