"""The client credentials grant: a token for the client itself, which nobody takes for a person's."""

from __future__ import annotations

import jwt
import pytest

from broker.core.errors import InsufficientScope, InvalidScope, InvalidToken, UnauthorizedClient
from broker.core.events import Event
from broker.core.records import ClientToken
from broker.core.terms import Algorithm, AuthMethod, GrantType, Scope, TokenFormat
from broker.core.tokens.id_token import ACCESS_TOKEN_TYPE
from tests.services.bare_broker import ISSUER, NOW, World, app, seal

pytestmark = pytest.mark.anyio
OWN = frozenset({GrantType.CLIENT_CREDENTIALS, GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN})
RECORD = ClientToken("j1", "robot", ("orders:read",), NOW, NOW + 900)


@pytest.fixture
async def robots(world: World) -> World:
    """One client with service scopes, in both token formats, and one without."""
    secret = {"auth_method": AuthMethod.BASIC, "grants": OWN}
    scopes = ("orders:read", "orders:write")
    world.clients |= {
        "robot": app("robot", service_scopes=scopes, **secret),
        "jwt-robot": app("jwt-robot", service_scopes=scopes, access_token_format=TokenFormat.JWT, **secret),
        "plain": app("plain", **secret),
        "open": app("open", grants=OWN, service_scopes=scopes),
    }
    await world.restart()
    return world


@pytest.mark.parametrize("client_id", ["robot", "jwt-robot"])
async def test_the_answer_is_an_access_token_and_nothing_else(robots: World, client_id: str) -> None:
    answer = await robots.own_token(client_id)
    token = answer.pop("access_token")
    assert answer == {"token_type": "Bearer", "expires_in": 900, "scope": "orders:read orders:write"}
    opened = robots.tokens.open_access(token)
    assert (type(opened), opened.client_id, opened.expires_at) == (ClientToken, client_id, NOW + 900)
    assert robots.notes.heard[-1] == (Event.TOKEN_ISSUED_TO_CLIENT, {"client_id": client_id})


async def test_a_jwt_says_what_rfc_9068_wants_and_names_nobody(robots: World) -> None:
    token = (await robots.own_token("jwt-robot"))["access_token"]
    assert jwt.get_unverified_header(token)["typ"] == ACCESS_TOKEN_TYPE
    claims = jwt.decode(token, options={"verify_signature": False})
    assert len(claims.pop("jti")) >= 22
    assert claims == {
        "iss": ISSUER,
        "sub": "client:jwt-robot",
        "aud": ISSUER,
        "client_id": "jwt-robot",
        "iat": NOW,
        "exp": NOW + 900,
        "scope": "orders:read orders:write",
    }


async def test_a_client_asks_for_less_but_not_for_more(robots: World) -> None:
    assert (await robots.own_token("robot", scope="orders:write"))["scope"] == "orders:write"
    assert "scope" not in await robots.own_token("plain")
    for client_id, scope in (("robot", "orders:delete"), ("robot", "orders:read x"), ("plain", "orders:read")):
        with pytest.raises(InvalidScope):
            await robots.own_token(client_id, scope=scope)


@pytest.mark.parametrize("scope", list(Scope))
async def test_f29_no_scope_about_people_is_given(robots: World, scope: Scope) -> None:
    for wanted in (scope.value, f"orders:read {scope.value}"):
        with pytest.raises(InvalidScope):
            await robots.own_token("robot", scope=wanted)


async def test_a_public_client_or_an_unlisted_one_gets_none(robots: World) -> None:
    for client_id in ("open", "app"):
        with pytest.raises(UnauthorizedClient):
            await robots.own_token(client_id)


@pytest.mark.parametrize("client_id", ["robot", "jwt-robot", "plain"])
async def test_f29_it_opens_nothing_that_is_about_a_person(robots: World, client_id: str) -> None:
    token = (await robots.own_token(client_id))["access_token"]
    with pytest.raises(InsufficientScope):
        await robots.tokens.verify_access(token)
    await robots.revoke(token, client_id)
    with pytest.raises(InvalidToken):
        await robots.tokens.verify_access(token)


async def test_f29_a_client_named_like_a_person_is_not_that_person(robots: World) -> None:
    finished, _, _ = await robots.log_in()
    sub = finished.person.account.sub
    robots.clients[sub] = app(sub, auth_method=AuthMethod.BASIC, grants=OWN, access_token_format=TokenFormat.JWT)
    await robots.restart()
    token = (await robots.own_token(sub))["access_token"]
    assert jwt.decode(token, options={"verify_signature": False})["sub"] == f"client:{sub}" != sub
    with pytest.raises(InsufficientScope):
        await robots.tokens.verify_access(token)


async def test_it_dies_in_its_second(robots: World) -> None:
    for client_id in ("robot", "jwt-robot"):
        token = (await robots.own_token(client_id))["access_token"]
        robots.clock.now += 899
        robots.tokens.open_access(token)
        robots.clock.now += 1
        with pytest.raises(InvalidToken):
            robots.tokens.open_access(token)
        robots.clock.now -= 900


async def test_b8_a_persons_token_and_a_clients_are_not_swapped(robots: World) -> None:
    access = (await robots.redeem(await robots.code()))["access_token"]
    own = (await robots.own_token())["access_token"]
    for swapped in (access.replace("at_", "ct_", 1), own.replace("ct_", "at_", 1), own.removeprefix("ct_")):
        with pytest.raises(InvalidToken):
            robots.tokens.open_access(swapped)
    sealed = "ct_" + seal("access token").seal(RECORD.to_bytes())
    assert robots.tokens.open_access(sealed) == RECORD
    for purpose in ("flow", "consent", "entry", "signing key"):
        with pytest.raises(InvalidToken):
            robots.tokens.open_access("ct_" + seal(purpose).seal(RECORD.to_bytes()))


@pytest.mark.parametrize(
    "changed",
    [
        *({"sub": sub} for sub in ("robot", "client:other", "client:", "clien:robot")),
        *({"jti": jti} for jti in (None, 7, ...)),
        *({"iat": iat} for iat in (None, "1", True, ...)),
        *({"aud": aud} for aud in ("robot", [ISSUER], ...)),
        {"client_id": "other"},
        {"client_id": ...},
    ],
)
async def test_e8_a_jwt_of_ours_is_a_clients_token_in_exactly_one_shape(
    robots: World, changed: dict[str, object]
) -> None:
    async def sign(**claims: object) -> str:
        base = {"iss": ISSUER, "sub": "client:robot", "aud": ISSUER, "exp": NOW + 9, "iat": NOW, "jti": "j"}
        said = {name: value for name, value in (base | {"client_id": "robot"} | claims).items() if value is not ...}
        return await robots.keys.signer(Algorithm.ES256).sign(said, typ=ACCESS_TOKEN_TYPE)

    assert robots.tokens.open_access(await sign()) == ClientToken("j", "robot", (), NOW, NOW + 9)
    wrong = await sign(**changed)
    with pytest.raises(InvalidToken):
        robots.tokens.open_access(wrong)
