"""Who somebody is: an upstream's word (`Identity`), our record of a person (`Account`) and what ties them (`Link`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from broker.core.errors import UpstreamInvalid
from broker.core.people.cleaning import clean_claims, clean_text, plain_email, plain_phone
from broker.core.people.extra_claims import RESERVED, STANDARD, read_claims
from broker.core.seal import digest
from broker.core.upstream_tokens import UpstreamTokens

Claims = Mapping[str, Any]

SUBJECT_LIMIT = 255  # characters; OIDC Core 2 gives the same bound for `sub`
_PLACEHOLDER = frozenset({"none", "null", "undefined", "nan", "0", "false", "true", "[]", "{}"})
_SPACE_OR_CONTROL = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029\ud800-\udfff]")


def check_subject(subject: object) -> str:
    """The upstream's own key of a person, exactly as sent; raises UpstreamInvalid for anything that might merge two.

    Placeholders such as "None" have merged every account of a service into one elsewhere, so they are refused, and
    so are blanks, control characters and texts over 255 characters.
    """
    if not isinstance(subject, str):
        raise UpstreamInvalid(f"subject is {type(subject).__name__}, not text")
    if not subject or len(subject) > SUBJECT_LIMIT or _SPACE_OR_CONTROL.search(subject):
        raise UpstreamInvalid("subject is empty, too long or holds white space")
    if subject.casefold() in _PLACEHOLDER:
        raise UpstreamInvalid(f"subject is the placeholder {subject!r}")
    return subject


@dataclass(frozen=True, slots=True)
class UpstreamSession:
    """What is worth keeping of the login at the upstream, as far as the operator wants it kept; empty where not.

    `sid` names the upstream's own session. `id_token` is what it wants to see when somebody logs out through us.
    `refresh_token` asks later whether the person is still welcome there; `nonce` and `auth_time` (epoch seconds) are
    those of the ID token that came with it.
    """

    sid: str = ""
    id_token: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    nonce: str = field(default="", repr=False)
    auth_time: int | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """What a provider vouches for, once.

    `subject` is immutable at the upstream and never an address or a login name. `claims` use the names of OIDC Core
    5.1, and others as `broker.core.people.extra_claims` bounds them, never one of the protocol's own. An `email` never
    comes without `email_verified`, a `phone_number` never without `phone_number_verified`. Here is the one border for
    texts about people: they are cleaned, and what is empty (None, "", {}), longer than 2048 characters, or no plain
    address or international number, is left out; the last two with their flags.
    `raw_ids` are further upstream identifiers for the `identities` scope (`telegram_id`, `psuid`). `auth_time` is in
    epoch seconds and only set where the upstream proves when the person last authenticated. `amr` as in RFC 8176, `acr`
    the level that the upstream says was reached, in its own words, or "". `session` is what outlives the login, of
    providers that the operator told to; `tokens` are those for the upstream's own APIs, where an app may have them.
    `lasting`: names of `claims` and `raw_ids` in groups; where the upstream tells none of a group, what it told before
    stands.
    """

    subject: str
    claims: Claims = field(default_factory=dict)
    raw_ids: Mapping[str, str] = field(default_factory=dict)
    auth_time: int | None = None
    amr: tuple[str, ...] = ("fed",)
    acr: str = ""
    session: UpstreamSession = UpstreamSession()
    tokens: UpstreamTokens | None = None
    lasting: tuple[frozenset[str], ...] = ()

    def __post_init__(self) -> None:
        """Refuse what could never be taken back later."""
        check_subject(self.subject)
        for name in ("email", "phone_number"):
            if name in self.claims and not isinstance(self.claims.get(f"{name}_verified"), bool):
                raise UpstreamInvalid(f"{name} without a boolean {name}_verified")
        if chosen := RESERVED.intersection(map(str.casefold, self.claims)):
            raise UpstreamInvalid(f"an upstream does not choose our {', '.join(sorted(chosen))}")
        object.__setattr__(self, "claims", _cleaned(self.claims))
        # An identifier or a method's name is right or wrong; mended, it would be another one.
        object.__setattr__(self, "raw_ids", {n: v for n, v in self.raw_ids.items() if clean_text(v) == v})
        object.__setattr__(self, "amr", tuple([method for method in self.amr if clean_text(method) == method]))

    def after(self, before: Link) -> Identity:
        """The same with what stands of what the upstream told `before` (`lasting`)."""
        told = self.claims.keys() | self.raw_ids.keys()
        stands = {name for group in self.lasting if group.isdisjoint(told) for name in group}
        if not stands:
            return self
        claims = {name: value for name, value in before.claims.items() if name in stands}
        raw_ids = {name: value for name, value in before.raw_ids.items() if name in stands}
        return replace(self, claims={**claims, **self.claims}, raw_ids={**raw_ids, **self.raw_ids})


def _cleaned(claims: Claims) -> Claims:
    read = {"email": plain_email, "phone_number": plain_phone}
    found = dict(claims)
    for name, check in read.items():
        told = found.get(name)
        plain = check(told) if isinstance(told, str) else None
        if plain is None:
            found.pop(name, None)
            found.pop(f"{name}_verified", None)
        else:
            found[name] = plain
    standard: Claims = clean_claims({name: value for name, value in found.items() if name in STANDARD})
    return {**standard, **read_claims({name: value for name, value in found.items() if name not in STANDARD})}


@dataclass(frozen=True, slots=True)
class Account:
    """A person of ours. `sub` is random, stable for ever and never used again, not even after deletion.

    `closes_at` (epoch seconds): when it is deleted, as its person asked; None where nobody did. `former`: the subs of
    accounts that were merged into it, in the order of text. `claims`: what apps are told of it because an operator set
    it, by the names of `broker.core.people.extra_claims`.
    """

    sub: str
    created_at: int
    blocked: bool = False
    closes_at: int | None = None
    former: tuple[str, ...] = ()
    claims: Claims = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Link:
    """(provider instance, subject) tied to an account, with what the upstream last said.

    `provider_key` is the internal id of the provider instance, which survives a rename in the configuration; `provider`
    is the name it went by at the last login. `claims` and `raw_ids` are the last identity's; `seen_at` epoch seconds.
    `linked_at` (epoch seconds): when it came to the account, 0 in links of older versions. `home`: the `sub` of the
    account that it came from by a merge and goes back to, or "".
    """

    provider_key: str
    subject: str
    provider: str
    claims: Claims
    raw_ids: Mapping[str, str]
    seen_at: int
    linked_at: int = 0
    home: str = ""

    @property
    def handle(self) -> str:
        """What the link is called on pages and by apps: opaque, and the same for as long as it stands."""
        return digest(f"link {self.provider_key} {self.subject}")[:22]


@dataclass(frozen=True, slots=True)
class Person:
    """An account together with the link that opened it."""

    account: Account
    link: Link
