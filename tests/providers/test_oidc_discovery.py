"""Discovery documents: checked as a whole, fetched seldom and once, kept for a day when the issuer fails."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from broker.core.errors import UpstreamInvalid, UpstreamUnavailable
from broker.core.events import Event
from broker.testing.bench import Notes
from broker.upstream.answer import rebase
from broker.upstream.discovery import (
    COOL_DOWN,
    FIRST_COOL_DOWN,
    HARD_LIMIT,
    MAX_AGE,
    MIN_AGE,
    Address,
    Discovery,
    DiscoveryRules,
    IssuerAddress,
    read_metadata,
)
from broker.upstream.fields import Fields

pytestmark = pytest.mark.anyio

ISSUER = "https://sso.example.com/realms/x"
RULES = DiscoveryRules(ISSUER)
DOCUMENT = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/auth",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/certs",
}


@dataclass
class Site:
    """An issuer that says what a test wants, and a clock that a test moves."""

    document: Mapping[str, Any] = field(default_factory=lambda: DOCUMENT)
    max_age: int | None = None
    down: bool = False
    fetched: list[str] = field(default_factory=list)
    at: float = 1000.0
    notes: Notes = field(default_factory=Notes)

    def __post_init__(self) -> None:
        self.discovery = Discovery(self, name="x", recorder=self.notes, clock=lambda: self.at)

    async def get_cacheable(self, url: str, *, spare: bool = False) -> tuple[Fields, int | None]:
        self.fetched.append(url)
        await asyncio.sleep(0)
        if self.down:
            raise UpstreamUnavailable("status 503")
        return Fields(self.document, "document"), self.max_age

    async def works(self) -> bool:
        try:
            await self.discovery.metadata(RULES)
        except UpstreamUnavailable:
            return False
        return True


def read(rules: DiscoveryRules = RULES, /, **changes: object) -> object:
    return read_metadata(Fields({**DOCUMENT, **changes}, "document"), rules)


@pytest.mark.parametrize("issuer", [None, "", 5, f"{ISSUER}/", ISSUER.upper(), "https://evil.example", [ISSUER]])
async def test_b17_a_document_of_another_issuer_is_refused_as_a_whole(issuer: object) -> None:
    with pytest.raises(UpstreamInvalid):
        read(issuer=issuer)
    site = Site({**DOCUMENT, "issuer": issuer})
    with pytest.raises(UpstreamUnavailable) as caught:
        await site.discovery.metadata(RULES)
    reason = caught.value.detail.removeprefix("no discovery document: ")
    assert site.notes.of(Event.UPSTREAM_DISCOVERY) == [
        {"provider": "x", "outcome": "UpstreamInvalid", "reason": reason}
    ]


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"])
@pytest.mark.parametrize(
    "url",
    [
        "http://sso.example.com/x", "https://evil.example/x", "https://10.0.0.1/x", "https://169.254.169.254/latest",
        "http://127.0.0.1/x", "https://sso.example.com:444/x", "https://sso.example.com.evil.example/x",
        "https://sso.example.com@evil.example/x", "https://evil.example\\@sso.example.com/x", "//sso.example.com/x",
        "https://sso.example.com/x#y", "https://sso.example.com/a b", "https://sso.example.com\n/x", "javascript:1",
        "file:///etc/passwd", "https://", "https://sso.example.com?x=1", "https://SSO.example.com/x", 5, ["https://sso.example.com/x"],
    ],
)  # fmt: skip
async def test_b17_an_endpoint_elsewhere_makes_the_document_worthless(name: str, url: object) -> None:
    with pytest.raises(UpstreamInvalid):
        read(**{name: url})


async def test_b17_an_operator_may_name_where_else_endpoints_lie() -> None:
    rules = DiscoveryRules(ISSUER, origins=("https://keys.example.net:8443",))
    read(rules, jwks_uri="https://keys.example.net:8443/jwks?v=1")
    with pytest.raises(UpstreamInvalid, match=r"jwks_uri is at https://keys\.example\.net: neither"):
        read(rules, jwks_uri="https://keys.example.net/jwks")


async def test_an_issuer_on_this_machine_may_speak_http() -> None:
    base = "http://127.0.0.1:9000"
    names = {name: f"{base}/{name}" for name in DOCUMENT}
    read_metadata(Fields({**names, "issuer": base}), DiscoveryRules(base))
    assert rebase(f"{base}/token", None) == f"{base}/token"
    assert rebase("http://sso.localhost/?x=1", "https://proxy.example") == "https://proxy.example/?x=1"
    for url in (
        "http://localhost:80@evil.example/",
        "http://localhost.evil.example/",
        "http://evil.example",
        "ftp://localhost",
    ):
        with pytest.raises(UpstreamInvalid):
            rebase(url, None)


async def test_what_is_not_said_is_empty_and_what_is_no_list_is_refused() -> None:
    found = read_metadata(Fields(DOCUMENT), RULES)
    assert (found.userinfo_endpoint, found.auth_methods, found.challenge_methods, found.algorithms) == ("", (), (), ())
    assert not found.answers_with_iss
    flag = "authorization_response_iss_parameter_supported"
    assert read_metadata(Fields({**DOCUMENT, flag: True}), RULES).answers_with_iss
    assert not read_metadata(Fields({**DOCUMENT, flag: "true"}), RULES).answers_with_iss
    listed = {"code_challenge_methods_supported": ["S256", 5, None]}
    assert read_metadata(Fields({**DOCUMENT, **listed}), RULES).challenge_methods == ("S256",)
    for wrong in ("S256", {"S256": True}, ["S256"] * 101):
        with pytest.raises(UpstreamInvalid):
            read(code_challenge_methods_supported=wrong)


async def test_the_document_lies_below_the_issuer_or_where_the_operator_says() -> None:
    assert RULES.address == f"{ISSUER}/.well-known/openid-configuration"
    assert DiscoveryRules("https://a.example/").address == "https://a.example/.well-known/openid-configuration"
    assert DiscoveryRules(ISSUER, "https://b.example/doc").address == "https://b.example/doc"


async def test_a_hundred_logins_at_once_fetch_once() -> None:
    site = Site()
    await asyncio.gather(*(site.discovery.metadata(RULES) for _ in range(100)))
    assert site.fetched == [RULES.address]


async def test_a_hundred_logins_at_once_fail_by_one_fetch() -> None:
    site = Site(down=True)
    assert not any(await asyncio.gather(*(site.works() for _ in range(100))))
    assert len(site.fetched) == 1


@pytest.mark.parametrize(("said", "kept"), [(None, MIN_AGE), (1, MIN_AGE), (3600, 3600), (10**9, MAX_AGE)])
async def test_a_document_is_kept_as_long_as_the_issuer_says_within_bounds(said: int | None, kept: int) -> None:
    site = Site(max_age=said)
    await site.works()
    site.at += kept - 1
    await site.works()
    assert len(site.fetched) == 1
    site.at += 1
    await site.works()
    assert len(site.fetched) == 2


async def test_after_a_failure_the_issuer_is_left_alone_for_a_while() -> None:
    site = Site(down=True)
    for _ in range(5):
        assert not await site.works()
    site.down = False
    site.at += FIRST_COOL_DOWN - 1
    assert not await site.works()
    assert len(site.fetched) == 1
    site.at += 1
    assert await site.works()


async def test_the_last_good_document_serves_for_a_day_when_the_issuer_fails_or_lies() -> None:
    site = Site()
    assert await site.works()
    ends = site.at + HARD_LIMIT
    site.at += MIN_AGE
    site.down = True
    assert await site.works()
    site.down, site.document = False, {**DOCUMENT, "issuer": "https://evil.example"}
    site.at = ends - 1
    assert await site.works()
    site.at = ends + COOL_DOWN
    assert not await site.works()
    site.document = DOCUMENT
    site.at += COOL_DOWN
    assert await site.works()


async def test_the_failure_says_why_and_the_event_how_often() -> None:
    site = Site({**DOCUMENT, "token_endpoint": "https://evil.example/token"})
    with pytest.raises(UpstreamUnavailable, match=r"token_endpoint is at https://evil\.example"):
        await site.discovery.metadata(RULES)
    site.document = DOCUMENT
    site.at += COOL_DOWN
    await site.works()
    outcomes = [fields["outcome"] for fields in site.notes.of(Event.UPSTREAM_DISCOVERY)]
    assert outcomes == ["UpstreamInvalid", "fetched"]


@pytest.mark.parametrize(
    "issuer",
    [
        "http://sso.example.com", "sso.example.com", "https://sso.example.com?x=1", "https://sso.example.com#x", "",
        "https://user@sso.example.com", "https://SSO.example.com", "https://sso.example.com/a b", "ftp://localhost",
        "https://sso.example.com/.well-known/openid-configuration", "http://localhost.evil.example",
    ],
)  # fmt: skip
async def test_an_issuer_that_cannot_be_one_stops_the_start(issuer: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(IssuerAddress).validate_python(issuer)


async def test_issuers_as_servers_have_them_are_taken_letter_by_letter() -> None:
    for issuer in (ISSUER, "https://tenant.eu.example.com/", "https://h:8443/adfs", "http://localhost:3000/oidc"):
        assert TypeAdapter(IssuerAddress).validate_python(issuer) == issuer
    assert TypeAdapter(Address).validate_python("https://h.example/doc?v=2") == "https://h.example/doc?v=2"
