"""The kinds of values a description is made of, each checked when the configuration is read."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from broker.core.expressions import check_expression, last_names
from broker.upstream.generic.templates import UrlTemplate
from broker.upstream.standard_claims import check_subject

_NAME: Final = r"^[A-Za-z][A-Za-z0-9_.\-\[\]]{0,63}$"
_OURS: Final = frozenset({"response_type", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method"})
_CARRIER: Final = re.compile(r"bearer|none|(?:header|query|form):[A-Za-z][A-Za-z0-9_\-]{0,63}")
SHOWN: Final[tuple[str, ...]] = (
    *("name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile", "picture"),
    *("website", "gender", "birthdate", "zoneinfo", "locale"),
)
KNOWN: Final = frozenset({*SHOWN, "sub", "email", "email_verified", "phone_number", "phone_number_verified"})


def _check_carrier(value: str) -> str:
    if _CARRIER.fullmatch(value) is None:
        raise ValueError("write bearer, none, header:SCHEME, query:NAME or form:NAME")
    return value


def _check_name(name: str) -> str:
    if name in {"token", "client", "access_token"} or re.fullmatch(r"[a-z][a-z0-9_]{0,31}", name) is None:
        raise ValueError("a name is one word in lower case, and token, client and access_token are taken")
    return name


def _check_static(params: dict[str, str]) -> dict[str, str]:
    if ours := sorted(_OURS & params.keys()):
        raise ValueError(f"the broker itself sends {', '.join(ours)}")
    return params


def _check_claims(claims: dict[str, str]) -> dict[str, str]:
    if "sub" not in claims:
        raise ValueError("needs sub: where the id stands that the upstream never changes and never gives to another")
    if unknown := sorted(claims.keys() - KNOWN):
        raise ValueError(f"knows no {', '.join(unknown)}; there are {', '.join(sorted(KNOWN))}")
    for name in last_names(claims["sub"]):
        check_subject(name)
    return claims


def _check_texts(texts: dict[str, str]) -> dict[str, str]:
    if odd := sorted(texts.keys() - set(SHOWN)):
        raise ValueError(f"nobody can be given {', '.join(odd)}; only {', '.join(SHOWN)}")
    return texts


def _check_shown(templates: dict[str, str]) -> dict[str, str]:
    if odd := sorted(templates.keys() - {"picture", "profile", "website"}):
        raise ValueError(f"only picture, profile and website are addresses, not {', '.join(odd)}")
    return templates


Expression = Annotated[str, AfterValidator(check_expression)]
Name = Annotated[str, Field(pattern=_NAME)]
AnswerName = Annotated[str, AfterValidator(_check_name)]
Carrier = Annotated[str, AfterValidator(_check_carrier)]
Static = Annotated[dict[Name, str], AfterValidator(_check_static)]
Claims = Annotated[dict[str, Expression], AfterValidator(_check_claims)]
Texts = Annotated[dict[str, str], AfterValidator(_check_texts)]
Links = Annotated[dict[str, UrlTemplate], AfterValidator(_check_shown)]
Status = Annotated[int, Field(ge=400, le=499)]
Wish = Literal["prompt", "max_age", "login_hint", "ui_locales"]
DateForm = Literal["YYYY-MM-DD", "DD.MM.YYYY", "MM/DD/YYYY"]
