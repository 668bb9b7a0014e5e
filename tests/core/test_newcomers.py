"""What other systems keep of people, read as they keep it, and whom of them we could bring."""

from __future__ import annotations

from typing import Any

import pytest

from broker.core.arrivals.dex import build_dex_sub, read_dex, read_dex_resources
from broker.core.arrivals.django import Tables, read_allauth, read_social_auth
from broker.core.arrivals.keycloak import read_keycloak
from broker.core.arrivals.kinds import ALLAUTH, ALLAUTH_APART, DEX, KEYCLOAK, KINDS, OTHERS_APART, SOCIAL_AUTH
from broker.core.arrivals.newcomer import Arrival, Newcomer, Outcome, Source, Way, check_id, decide
from broker.core.arrivals.plan import Left, Names, Ours, Plan, make_plan
from broker.core.errors import InvalidRequest
from broker.core.people.identity import Account, Link
from broker.registry import provider_types

ADA = {"pk": 7, "first_name": "Ada", "last_name": "", "is_active": 1, "joined_at": 1577934245}
OURS = {
    "google": Ours("google", "g1"),
    "fb": Ours("facebook", "f1"),
    "corp": Ours("oidc", "c1"),
    "vk": Ours("vk", "v1"),
}


def plan(*people: Newcomer, chosen: dict[str, str] | None = None, **source: Any) -> Plan:
    """Of allauth, over OURS."""
    return make_plan(Source(people, **source), Names(ALLAUTH, ALLAUTH_APART, chosen or {}), OURS)


def somebody(*ways: tuple[str, str], name: str = "1", **claims: object) -> Newcomer:
    """With these ways in."""
    return Newcomer(name, tuple([Way(provider, subject, claims) for provider, subject in ways]))


def test_people_of_allauth_have_their_accounts_and_what_the_service_said() -> None:
    told = '{"email": "ada@x.test", "email_verified": true, "name": "Ada L", "picture": "https://x.test/a"}'
    oidc = {"userinfo": {"email": "ada@corp.test", "given_name": "Augusta"}, "id_token": {"sub": "s"}}
    ways = [
        {"user_id": 7, "provider": "google", "uid": "108", "extra_data": told},
        {"user": 7, "provider": "corp", "uid": "s", "extra_data": oidc},
        {"user_id": 7, "provider": "vk", "uid": "5", "extra_data": "no JSON"},
        {"user_id": 7, "provider": "ok", "uid": "6", "extra_data": '["no object"]'},
    ]
    apps = [
        {"provider": "google", "provider_id": "", "client_id": "g1"},
        {"provider": "openid_connect", "provider_id": "corp", "client_id": "c1"},
    ]
    bob = {"pk": 8, "is_active": 0, "joined_at": 0}
    source = read_allauth(Tables([ADA, bob], ways, apps))
    ada = {"name": "Ada", "given_name": "Ada"}
    google = {**ada, "name": "Ada L", "email": "ada@x.test", "email_verified": True}
    assert source.people == (
        Newcomer(
            "7",
            (
                Way("google", "108", google),
                Way("corp", "s", {**ada, "given_name": "Augusta", "email": "ada@corp.test"}),
                Way("vk", "5", ada),
                Way("ok", "6", ada),
            ),
            created_at=1577934245,
        ),
        Newcomer("8", (), blocked=True),
    )
    assert (source.kinds["corp"], source.apps["corp"]) == ("openid_connect", frozenset({"c1"}))


def test_people_of_python_social_auth_are_known_at_google_as_google_calls_them() -> None:
    ways = [
        {"user_id": 7, "provider": "google-oauth2", "uid": "ada@x.test", "extra_data": {"sub": "108"}},
        {"user_id": 7, "provider": "google-oauth2", "uid": "b@x.test", "extra_data": {"sub": ""}},
        {"user_id": 7, "provider": "google-oauth2", "uid": "109", "extra_data": {"sub": "other"}},
    ]
    (ada,) = read_social_auth(Tables([ADA | {"code": "A1"}], ways), id_field="code").people
    assert (ada.id, [way.subject for way in ada.ways]) == ("A1", ["108", "b@x.test", "109"])


def test_people_of_keycloak_have_their_federated_identities_in_all_files() -> None:
    realm = {
        "realm": "shop",
        "identityProviders": [
            {"alias": "g", "providerId": "google", "config": {"clientId": "g1"}},
            {"alias": "saml", "providerId": "saml"},
        ],
    }
    user = {
        **{"id": "u-1", "username": "ada", "firstName": "Ada", "lastName": "Lovelace", "enabled": False},
        **{"createdTimestamp": 1577934245678, "email": "ada@x.test", "emailVerified": True},
        "federatedIdentities": [{"identityProvider": "g", "userId": "108", "userName": "ada@x.test"}],
    }
    source = read_keycloak([realm, {"realm": "shop", "users": [user, {"id": "u-2"}]}])
    names = {"name": "Ada Lovelace", "given_name": "Ada", "family_name": "Lovelace"}
    ada = Newcomer("u-1", (Way("g", "108", names),), created_at=1577934245, blocked=True)
    assert source.people == (ada, Newcomer("u-2", ())), "an address is the realm's word, and nobody's at Google"
    assert (source.kinds, source.apps) == (
        {"g": "google", "saml": "saml"},
        {"g": frozenset({"g1"}), "saml": frozenset()},
    )


def test_people_of_dex_have_the_sub_that_its_clients_know() -> None:
    assert build_dex_sub("0-385-28089-0", "mock") == "Cg0wLTM4NS0yODA4OS0wEgRtb2Nr"  # in Dex's own documentation
    assert build_dex_sub("x" * 200, "").startswith("CsgB"), "a length above 127 takes two bytes"
    token = {
        **{"connector_id": "google", "claims_user_id": "108", "claims_username": "Ada", "claims_groups": b"null"},
        **{"claims_email": "ada@x.test", "claims_email_verified": 1},
    }
    sessions = [{"conn_id": "google", "user_id": "108"}, {"conn_id": "corp", "user_id": "s"}]
    source = read_dex(sessions, [token], [{"id": "corp", "type": "oidc"}])
    told = {"name": "Ada", "email": "ada@x.test", "email_verified": True}
    assert source.people == (
        Newcomer(build_dex_sub("108", "google"), (Way("google", "108", told),)),
        Newcomer(build_dex_sub("s", "corp"), (Way("corp", "s", {}),)),
    )
    claims = {"userID": "108", "username": "Ada", "email": "ada@x.test", "emailVerified": True}
    items: list[dict[str, Any]] = [
        {"kind": "OfflineSessions", "userID": "108", "connID": "google"},
        {"kind": "OfflineSessions", "userID": "s", "connID": "corp"},
        {"kind": "RefreshToken", "claims": claims, "connectorID": "google"},
        {"kind": "Connector", "id": "corp", "type": "oidc"},
        {"kind": "SigningKey"},
    ]
    assert read_dex_resources(items) == source


def test_names_lead_to_the_one_provider_that_has_the_same_ids() -> None:
    found = plan(somebody(("google", "108"), ("vk", "5")))
    assert [way.provider for way in found.people[0].ways] == ["google", "vk"]
    assert (found.unclear, found.warnings, found.left, found.read) == ({}, (), (), 1)


def test_what_only_the_operator_can_say_is_asked() -> None:
    unclear = plan(somebody(("corp", "s"), ("odnoklassniki", "6"))).unclear
    assert unclear == dict.fromkeys(("corp", "odnoklassniki"), "1 ways in: none of yours is certainly it")
    two = OURS | {"google-two": Ours("google", "g2")}
    source = Source((somebody(("google", "108")),))
    assert "several" in make_plan(source, Names(ALLAUTH, {}, {}), two).unclear["google"]
    assert "none of your providers" in plan(somebody(("corp", "s")), chosen={"corp": "other"}).unclear["corp"]
    found = plan(
        somebody(("corp", "s"), ("google", "108"), ("x9", "1")), chosen={"corp": "corp", "google": "", "x9": ""}
    )
    assert [(way.provider, way.subject) for way in found.people[0].ways] == [("corp", "s")]
    assert {(one.provider, one.why) for one in found.left} == {
        ("google", "left out, as you said"),
        ("x9", "left out, as you said"),
    }


def test_ids_of_one_app_are_nobody_at_another() -> None:
    ada = somebody(("facebook", "77"))
    assert "another client_id (old there)" in plan(ada, apps={"facebook": frozenset({"old"})}).unclear["facebook"]
    sure = plan(ada, apps={"facebook": frozenset({"old"})}, chosen={"facebook": "fb"})
    assert (len(sure.people), "same app" in sure.warnings[0]) == (1, True)
    assert plan(ada, apps={"facebook": frozenset({"f1"})}).warnings == ()
    assert "same app" in plan(ada).warnings[0], "what app it was is in the site's settings, where nobody looks"
    assert plan(somebody(("google", "1")), apps={"google": frozenset({"old"})}).unclear == {}, "Google's are the same"


def test_ids_that_are_none_of_ours_are_left_out_with_the_reason() -> None:
    found = plan(somebody(("google", "ada@x.test"), ("vk", "5")), somebody(("microsoft", "1"), name="2"))
    assert [one.id for one in found.people] == ["1"]
    assert [(one.id, one.provider) for one in found.left] == [("1", "google"), ("2", "microsoft"), ("2", "")]
    assert found.left[0].why == "no id of google looks like this"
    assert ("ids of Microsoft Graph" in found.left[1].why, found.unclear) == (True, {}), "nobody is asked about these"
    assert plan(Newcomer("3", ())).left == (Left("3", "has no way in that could come"),)


def test_one_person_by_two_names_of_one_service_has_one_way_in() -> None:
    found = plan(somebody(("google", "1"), ("g-plus", "1")), chosen={"g-plus": "google"})
    assert [(way.provider, way.subject) for way in found.people[0].ways] == [("google", "1")]


def test_who_shares_an_id_or_a_way_in_is_not_guessed_apart() -> None:
    found = plan(
        somebody(("google", "1"), name="a"),
        somebody(("google", "2"), name="a"),
        somebody(("vk", "5"), ("google", "3"), name="b"),
        somebody(("vk", "5"), name="c"),
        somebody(("vk", "6"), name="d"),
    )
    assert [one.id for one in found.people] == ["d"]
    assert [(one.id, one.subject) for one in found.left] == [("a", ""), ("a", ""), ("b", "5"), ("c", "5")]


def test_an_address_is_proven_only_where_an_upstream_that_is_believed_said_so() -> None:
    told: dict[str, Any] = {"email": "a@x.test", "email_verified": True}
    found = plan(somebody(("google", "1"), ("vk", "5"), ("corp", "s"), **told), chosen={"corp": "corp"})
    assert [way.claims["email_verified"] for way in found.people[0].ways] == [True, False, False]
    for untrue in ("true", 1, None):
        (ada,) = plan(somebody(("google", "1"), email="a@x.test", email_verified=untrue)).people
        assert ada.ways[0].claims["email_verified"] is False
    (ada,) = plan(somebody(("google", "1"))).people
    assert ada.ways[0].claims == {}


def test_every_name_that_is_known_leads_to_a_type_of_ours() -> None:
    led = {*ALLAUTH.values(), *SOCIAL_AUTH.values(), *KEYCLOAK.values(), *DEX.values()}
    assert led <= KINDS.keys()
    assert KINDS.keys() <= provider_types(KINDS).keys()
    assert not ALLAUTH.keys() & ALLAUTH_APART.keys()
    assert not (SOCIAL_AUTH.keys() | KEYCLOAK.keys() | DEX.keys()) & OTHERS_APART.keys()


@pytest.mark.parametrize(
    ("known", "owners", "outcome", "sub"),
    [
        ("", ["", ""], Outcome.NEW, "7"),
        ("7", ["7", "7"], Outcome.SAME, "7"),
        ("m", ["m"], Outcome.SAME, "m"),
        ("7", ["7", ""], Outcome.LACKS, "7"),
        ("7", ["", ""], Outcome.USED, "7"),
        ("", ["", "other"], Outcome.TAKEN, "other"),
        ("7", ["7", "other"], Outcome.TAKEN, "other"),
    ],
)
def test_who_is_here_already_is_left_as_they_are(known: str, owners: list[str], outcome: Outcome, sub: str) -> None:
    ada = Arrival(Account("7", 0), tuple([Link("p", str(place), "", {}, {}, 0) for place, _ in enumerate(owners)]))
    settled = decide(ada, known, owners)
    assert (settled.id, settled.outcome, settled.sub) == ("7", outcome, sub)


def test_an_id_is_what_a_sub_may_be() -> None:
    assert check_id("b2c1-\\'~!") == "b2c1-\\'~!"
    for wrong in ("", "a b", "ü", "x" * 256, "a\n"):
        with pytest.raises(InvalidRequest):
            check_id(wrong)
