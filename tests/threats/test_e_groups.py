"""docs/how-to/groups-and-claims.md, done: what upstream and operator say of groups reaches apps (E22, A15)."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import jwt
import pytest

from broker.config.source import parse
from broker.core.people.extra_claims import ENTRY_LIMIT
from broker.demo.upstreams import EMULATORS
from tests.threats.journeys import http, introspect, refresh, tokens_for, userinfo
from tests.threats.site import Site, running_site
from tests.threats.tours import broker_command

pytestmark = pytest.mark.anyio
TEXT: Final = (Path(__file__).parents[2] / "docs/how-to/groups-and-claims.md").read_text(encoding="utf-8")
COMMANDS: Final = [shlex.split(line) for line in re.findall(r"^broker (.+)$", TEXT, re.MULTILINE)]
SCOPE: Final = "openid profile groups offline_access"


def written() -> tuple[dict[str, Any], dict[str, Any]]:
    """The provider and the app of the page."""
    found: dict[str, Any] = {}
    for block in re.findall(r"^```yaml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL):
        data = parse(block, "groups-and-claims.md").data
        assert isinstance(data, dict)
        found |= data
    return found["providers"]["corp"], found["clients"]["wiki"]


def configure(config: dict[str, Any]) -> None:
    """As the page has it, beside an upstream and an app that may be used."""
    corp, wiki = written()
    app = config["clients"]["app"]
    config["providers"]["corp"] = {**EMULATORS["oidc"].settings, **corp}
    more = {name: wiki[name] for name in ("extra_claims", "access_token_claims")}
    config["clients"]["wiki"] = {**app, **more, "scopes": [*wiki["scopes"], "offline_access"]}
    config["clients"]["plain"] = {**app, "scopes": ["openid", "groups", "offline_access"]}
    config["clients"]["wiki"]["access_token_format"] = "jwt"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The broker of the page."""
    with running_site(tmp_path_factory.mktemp("groups"), configure) as running:
        yield running


async def do(site: Site, sub: str, verb: str) -> str:
    """The command of the page, for somebody."""
    (words,) = (words for words in COMMANDS if words[:2] == ["claim", verb])
    return await broker_command(site, *[sub if word == "SUB" else word for word in words])


async def sign_in(site: Site, client_id: str = "wiki", scope: str = SCOPE) -> dict[str, Any]:
    """What the app gets."""
    return await tokens_for(site, client_id=client_id, idp_hint="corp", scope=scope)


def read(token: str) -> dict[str, Any]:
    """What a token says."""
    said: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return said


DEPARTMENT: Final = "https://corp.example.com/department"
ROLES: Final = "https://wiki.example.com/roles"


async def test_groups_of_the_upstream_reach_the_app_by_its_names_and_scopes(site: Site) -> None:
    corp = site.emulators["oidc"]
    told = {"groups": ["staff"], "realm_access": {"roles": ["editor"]}, DEPARTMENT: "R&D", "salary": 9}
    corp.claims("ada", **told)
    async with http(site) as client:
        tokens = await sign_in(site)
        ours = {"groups": ["staff"], ROLES: ["editor"], "department": "R&D"}
        about = (await userinfo(site, client, tokens["access_token"])).json()
        for said in (read(tokens["id_token"]), about):
            assert ours.items() <= said.items()
            assert "salary" not in said
        api = read(tokens["access_token"])
        assert (api["groups"], {ROLES, "department"} & api.keys()) == (["staff"], set())
        assert (await introspect(site, client, tokens["access_token"], "wiki"))["groups"] == ["staff"]
        plain = read((await sign_in(site, "plain", "openid groups"))["id_token"])
        assert (plain["groups"], plain["roles"], "department" in plain) == (["staff"], ["editor"], False)
        few = await sign_in(site, scope="openid")
        for said in (read(few["id_token"]), read(few["access_token"])):
            assert not {"groups", "department", ROLES} & said.keys()
        other = read((await sign_in(site, "app", "openid profile groups"))["id_token"])
        assert not {"groups", "roles", "department"} & other.keys(), "an app without the scope"
    corp.claims("ada")


async def test_discovery_names_what_some_app_may_be_told(site: Site) -> None:
    async with http(site) as client:
        document = (await client.get("/.well-known/openid-configuration")).json()
    assert "groups" in document["scopes_supported"]
    assert {"groups", "roles", "entitlements", "department", ROLES} <= set(document["claims_supported"])


async def test_what_the_operator_sets_comes_and_goes_with_the_next_refresh(site: Site) -> None:
    site.emulators["oidc"].claims("boris", groups=["staff"])
    async with http(site) as client:
        tokens = await tokens_for(site, client_id="wiki", person="boris", idp_hint="corp", scope=SCOPE)
        sub = read(tokens["id_token"])["sub"]
        assert "value: admins" in await do(site, sub, "set")
        assert "admins" in await do(site, sub, "list")
        later = (await refresh(site, client, tokens["refresh_token"], "wiki")).json()
        assert read(later["id_token"])["groups"] == ["admins", "staff"]
        await do(site, sub, "remove")
        last = (await refresh(site, client, later["refresh_token"], "wiki")).json()
        assert read(last["id_token"])["groups"] == ["staff"]
    acted = [line for line in site.log() if line.get("event") == "operator.acted" and line.get("sub") == sub]
    assert [(line["use_case"], line["why"]) for line in acted if line["why"]] == [
        ("claim.set", "runs the wiki, ticket 41"),
        ("claim.remove", "moved to sales, ticket 57"),
    ]


@pytest.mark.parametrize(
    "hostile",
    [
        [f"group-{number}" for number in range(ENTRY_LIMIT + 1)],
        {"admin": True},
        True,
        1.5,
        "x" * 5000,
        ["x" * 256],
        ["ad\u200bmins"],
    ],
)
async def test_e22_an_upstream_that_says_too_much_or_nonsense_is_believed_nothing_of_it(
    site: Site, hostile: object
) -> None:
    corp = site.emulators["oidc"]
    corp.claims("zoe", groups=hostile, **{DEPARTMENT: "R&D"})
    said = read((await tokens_for(site, client_id="wiki", person="zoe", idp_hint="corp", scope=SCOPE))["id_token"])
    assert ("groups" in said, said["department"]) == (False, "R&D")
    assert any(line.get("event") == "upstream.odd_claim" and line.get("claim") == "groups" for line in site.log())
    corp.claims("zoe")
