"""What a description says about people, whatever the protocol: where their claims stand, and who may come in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from broker.upstream.extra_claims import ExtraSettings
from broker.upstream.generic.values import Claims, DateForm, Expression, Links, Texts
from broker.upstream.model import MailDomain
from broker.upstream.standard_claims import Trust


class Part(BaseModel):
    """A part of a description: no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Email(Part):
    """Whose word on addresses counts."""

    trust: Trust = Field(default="claim", description="always: every address is called verified; never: none is")
    verified_domains: tuple[MailDomain, ...] = Field(
        default=(), description="Addresses of these are the account itself, so they are verified unless trust is never"
    )
    drop_domains: tuple[MailDomain, ...] = Field(
        default=(), description="Addresses of these reach nobody and are left out"
    )


class Types(Part):
    """How values are spelled."""

    sub: Literal["text", "decimal"] = Field(default="text", description="decimal: one spelling of a positive number")
    string_booleans: bool = Field(default=False, description='"true" and "1" count as true')
    birthdate: DateForm = Field(default="YYYY-MM-DD", description="How it writes dates")
    phone_number: Literal["e164", "digits"] = Field(
        default="e164", description="digits: with the country's code, documented so, but without the plus"
    )
    values: dict[Literal["gender"], dict[str, str]] = Field(
        default={}, description='Its words and ours, for example { gender: { "1": female, "2": male } }'
    )


class Rules(Part):
    """Who may come in."""

    require_scopes: tuple[str, ...] = Field(default=(), description="Scopes the person has to have granted")
    allowed_values: dict[Expression, tuple[str, ...]] = Field(
        default={}, description="One of these has to be there, in the value or in the list, for example { me.org: [x] }"
    )
    deny_if: dict[Expression, str] = Field(default={}, description="Refused where this is there: { me.is_bot: true }")
    same_subject: tuple[Expression, ...] = Field(
        default=(), description="Further places that have to name the same id, for example token.user_id"
    )


class PeopleSettings(ExtraSettings):
    """An upstream whose answers are described here."""

    claims: Claims = Field(description="Claims of ours and where they stand: expressions over token, me, …")
    ids: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")], Expression] = Field(
        default={}, description="Further ids of the person there, for apps with the `identities` scope"
    )
    defaults: Texts = Field(default={}, description="Claims where it says nothing")
    templates: Links = Field(
        default={}, description="Addresses made of a claim: { picture: https://cdn.example.com/{value}.png }"
    )
    types: Types = Field(default=Types(), description="How values are spelled")
    email: Email = Field(default=Email(), description="Whose word on addresses counts")
    rules: Rules = Field(default=Rules(), description="Who may come in")

    def unwise(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """What is allowed and takes trust away, by its key."""
        if self.email.trust == "always":
            text = "every address it tells is believed: whoever can write one there can be that person at your apps"
            yield ("email", "trust"), text
