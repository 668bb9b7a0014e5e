"""Who may come in: the section `access`, which every client has as well."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from broker.config.values import Section
from broker.core.access import AccessPolicy, AccessRule, SignUp, parse_domain_pattern
from broker.core.expressions import check_rule

RuleName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
Rule = Annotated[str, AfterValidator(check_rule)]
DomainPattern = Annotated[str, AfterValidator(parse_domain_pattern)]


class RuleSettings(Section):
    """One demand."""

    require: Rule = Field(
        description="JMESPath over what the provider told, as \"contains(groups, 'staff')\"; must come to `true`, which"
        " nothing does that asks about what is missing"
    )
    providers: tuple[str, ...] = Field(default=(), description="Asked about their people alone; empty: everybody's")


class AccessSettings(Section):
    """Who may come in. The whole section holds for all; a client's own can only shut out more."""

    sign_up: Literal["open", "invited", "known"] = Field(
        default="open",
        description="Who gets an account: everybody, who was invited (`broker invite add`), or nobody new",
    )
    email_domains: tuple[DomainPattern, ...] = Field(
        default=(),
        description="A verified address in one of these; `*.example.com`: all below it. Empty: no matter",
    )
    denied_email_domains: tuple[DomainPattern, ...] = Field(
        default=(), description="A verified address in none of them; who has none does not come in, either"
    )
    rules: dict[RuleName, RuleSettings] = Field(
        default={}, description="What has to be true besides, each by a name that the log has where it is not"
    )

    @property
    def policy(self) -> AccessPolicy:
        """As the rest of the broker knows it."""
        rules = [AccessRule(name, one.require, frozenset(one.providers)) for name, one in self.rules.items()]
        return AccessPolicy(SignUp(self.sign_up), self.email_domains, self.denied_email_domains, rules=tuple(rules))
