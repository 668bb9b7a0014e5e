"""Each service's own examples and quirks: what the shared rules cannot know."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from jwt import encode
from pydantic import ValidationError

from broker.core.errors import UpstreamDenied, UpstreamError, UpstreamInvalid, UpstreamRejected, UpstreamUnavailable
from broker.core.records import Wishes
from broker.core.terms import PostedKind
from broker.testing.bench import FLOW, NOW, STATE, Case, signing_key
from broker.testing.raw_server import json_of
from broker.upstream.abilities import AcceptsUnasked
from broker.upstream.fields import Fields
from broker.upstream.model import Channel, Redirect, Reply, SignsReplies, Widget, unpack_reply
from broker.upstream.posted import Posted
from broker.upstream.signed import SignedReply
from providers.google import GoogleSettings
from providers.ok import sign
from providers.telegram import Telegram, TelegramSettings
from providers.vk import VK
from tests.providers.cases import load_cases

pytestmark = pytest.mark.anyio


def case(name: str) -> Case:
    kind, _, variant = name.partition(" ")
    return next(found for found in load_cases(kind) if found.variant == variant)


async def asked(name: str, flow: Any = FLOW, **settings: Any) -> dict[str, str]:
    """What the browser is sent to ask for."""
    async with case(name).on_bench(**settings) as bench:
        return await bench.begin(flow)


# --- Google ---


async def test_c1_google_admits_by_the_hd_claim_and_by_nothing_else() -> None:
    google = case("google web")
    only = {"hosted_domains": ("Example.com",)}
    async with google.on_bench(**only) as bench:
        assert (await bench.finish()).raw_ids["google_hd"] == "example.com"
    for hd in ("$absent", "other.example", "", "gmail.com", "example.com.evil"):
        async with google.with_changes({"id_token hd": hd}).on_bench(**only) as bench:
            with pytest.raises(UpstreamDenied):
                await bench.finish(google.reply(hd="example.com"))


async def test_google_is_asked_for_a_chooser_where_a_login_is_wanted() -> None:
    for prompt, sent in ((("login",), "select_account"), (("create", "consent"), "consent select_account"), ((), None)):
        assert (await asked("google web", replace(FLOW, wishes=Wishes(prompt=prompt)))).get("prompt") == sent
    hinted = replace(FLOW, wishes=Wishes(login_hint="a@b.ru"), ui_locale="ru")
    found = await asked("google web", hinted, hosted_domains=("a.ru",))
    assert (found["login_hint"], found["hl"], found["hd"]) == ("a@b.ru", "ru", "a.ru")
    assert "hd" not in await asked("google web", hosted_domains=("a.ru", "b.ru"))


async def test_google_tells_when_and_how_somebody_logged_in_only_if_it_says_so() -> None:
    told = {"id_token auth_time": NOW - 50, "id_token amr": ["pwd", "mfa", 5]}
    async with case("google web").with_changes(told).on_bench() as bench:
        identity = await bench.finish()
    assert identity.auth_time == NOW - 50
    assert identity.amr == ("fed", "pwd", "mfa")


async def test_google_vouches_for_foreign_addresses_only_where_the_operator_says_so() -> None:
    foreign = case("google web").with_changes({"id_token hd": "$absent"})
    async with foreign.on_bench(trust_any_verified_email=True) as bench:
        assert (await bench.finish()).claims["email_verified"] is True
    unverified = foreign.with_changes({"id_token email_verified": False})
    async with unverified.on_bench(trust_any_verified_email=True) as bench:
        assert (await bench.finish()).claims["email_verified"] is False


async def test_google_tokens_may_be_ten_seconds_ahead_of_us() -> None:
    async with case("google web").with_changes({"id_token iat": NOW + 10}).on_bench() as bench:
        await bench.finish()


def test_a_secret_is_needed_and_may_not_be_empty() -> None:
    for secret in ({}, {"client_secret": ""}):
        with pytest.raises(ValidationError):
            GoogleSettings.model_validate({"type": "google", "client_id": "c", **secret})


# --- VK ---


async def test_vk_is_asked_in_its_own_spelling() -> None:
    found = await asked("vk code", replace(FLOW, ui_locale="ru", wishes=Wishes(prompt=("login", "none"))))
    assert (found["code_challenge_method"], found["lang_id"], found["provider"]) == ("s256", "0", "vkid")
    assert (found["prompt"], found["scope"]) == ("login", "vkid.personal_info email")
    other = await asked("vk code", replace(FLOW, ui_locale="fi"), provider="ok_ru")
    assert (other["provider"], other["prompt"], other["lang_id"]) == ("ok_ru", "login", "3")
    assert "prompt" not in await asked("vk code")


@pytest.mark.parametrize("verifier", ["a" * 42, "a" * 129, "a" * 43 + ".", "a" * 43 + "~", ""])
async def test_vk_verifiers_have_a_narrower_alphabet(verifier: str) -> None:
    async with case("vk code").on_bench() as bench:
        with pytest.raises(UpstreamInvalid):
            await bench.begin(replace(FLOW, code_verifier=verifier))
        await bench.begin(
            replace(FLOW, code_verifier="ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        )


async def test_c17_vk_wants_the_device_and_the_state_echoed() -> None:
    vk = case("vk code")
    for device in ("$absent", ""):
        async with vk.on_bench() as bench:
            with pytest.raises(UpstreamInvalid):
                await bench.finish(vk.reply(device_id=device))
            assert bench.server.received == []
    for state in ("other", "", "$absent", 5):
        async with vk.with_changes({"answers /oauth2/auth state": state}).on_bench() as bench:
            with pytest.raises(UpstreamInvalid):
                await bench.finish()
    async with vk.on_bench() as bench:
        await bench.finish(vk.reply(user_id="666"))
        sent = bench.server.received[0].params
    assert (sent["device_id"], sent["state"], sent["service_token"]) == ("canary-device", STATE, "canary-client-secret")
    assert "client_secret" not in sent


async def test_vk_answers_in_payload_form_mean_the_same() -> None:
    vk = case("vk code")
    payload = json.dumps({**vk.reply().params, "expires_in": 600})
    async with vk.on_bench() as bench:
        assert unpack_reply(bench.provider, Reply(Channel.QUERY, {"payload": payload})).params["state"] == STATE
        assert unpack_reply(bench.provider, vk.reply()) == vk.reply()
        identity = await bench.finish(Reply(Channel.QUERY, {"payload": payload}))
        assert identity.subject == "1234567890"
        both = Reply(Channel.QUERY, {"payload": payload, "code": "vk2.a.canary-code"})
        assert (await bench.finish(both)).subject == "1234567890"


@pytest.mark.parametrize("payload", ["", "{", "[]", "null", '{"code":"a","code":"b"}', '{"state":"other"}', "é"])
async def test_vk_payloads_that_contradict_or_are_none_are_refused(payload: str) -> None:
    vk = case("vk code")
    async with vk.on_bench() as bench:
        with pytest.raises(UpstreamError):
            await bench.finish(vk.reply(payload=payload))
        with pytest.raises(UpstreamDenied):
            await bench.finish(
                Reply(Channel.QUERY, {"payload": json.dumps({"error": "access_denied", "state": STATE})})
            )
        assert bench.server.received == []


@given(st.dictionaries(st.sampled_from(["code", "state", "device_id"]), st.text(max_size=3)), st.text(max_size=3))
def test_no_two_copies_of_a_field_may_differ(packed: dict[str, str], plain: str) -> None:
    params = {"payload": json.dumps(packed), "code": plain}
    if packed.get("code", plain) == plain:
        assert VK.unpack(params)["code"] == plain
    else:
        with pytest.raises(UpstreamInvalid):
            VK.unpack(params)


@pytest.mark.parametrize(
    "change",
    [{"iis": "XX"}, {"app": 7654322}, {"sub": 5}, {"exp": NOW - 1}, {"iat": NOW - 301}, {"iat": NOW + 301}, {"iis": 5}],
)
async def test_vk_id_tokens_are_checked_where_a_key_is_given(change: dict[str, object]) -> None:
    pem = signing_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    claims: dict[str, Any] = {"iis": "VK", "sub": 1234567890, "app": 7654321, "exp": NOW + 60, "iat": NOW, "jti": 21}
    for wanted, works in ((claims, True), (claims | change, False)):
        # PyJWT would insist on a text for sub; VK has a number there.
        token = encode({**wanted, "sub": str(wanted["sub"])}, signing_key(), algorithm="RS256")
        changed = case("vk code").with_changes({"answers /oauth2/auth id_token": token})
        async with changed.on_bench(id_token_key=pem) as bench:
            if works:
                assert (await bench.finish()).subject == "1234567890"
            else:
                with pytest.raises(UpstreamInvalid):
                    await bench.finish()


# --- OK: apiok.ru/en/dev/methods describes the signature; the values were computed from it ---

KEY, SECRET = "CBAJLNABABABABABA", "0123456789ABCDEF01234567"
DERIVED = "55db10ab3a8c3e26b31d35003184c974"
FIELDS = "uid,first_name,last_name,name,email,has_email,gender,birthday,locale,pic_full"


@pytest.mark.parametrize(
    ("params", "secret", "sig"),
    [
        (
            {"format": "json", "method": "users.getCurrentUser", "fields": FIELDS},
            DERIVED,
            "fb7e553754d46dcb6bff354854d357e9",
        ),
        (
            {"format": "json", "method": "users.getCurrentUser", "fields": FIELDS},
            "d41d8cd98f00b204e9800998ecf8427e",
            "4840140fec24f49b24cdeb504c989373",
        ),
        (
            {"format": "json", "method": "users.getInfo", "fields": "uid,first_name,last_name", "uids": "561999209121"},
            SECRET,
            "3811af7caee31c2f95cd18673939e44c",
        ),
        ({"format": "JSON", "method": "users.getLoggedInUser"}, DERIVED, "e65933f3807d41046e79a51486bae7df"),
        (
            {"format": "json", "method": "users.setStatus", "status": "Привет, мир & co"},
            DERIVED,
            "dcc95fbc6e5b329fb8305a318a4a3074",
        ),
    ],
)
def test_ok_signatures(params: dict[str, str], secret: str, sig: str) -> None:
    assert sign({"application_key": KEY, **params}, secret) == sig
    assert sign(dict(reversed([("application_key", KEY), *params.items()])), secret) == sig


@given(st.dictionaries(st.text("abc_", min_size=1), st.text(max_size=5), min_size=2), st.text("0123456789abcdef"))
def test_c12_ok_signatures_depend_on_names_values_and_secret_in_one_order(params: dict[str, str], secret: str) -> None:
    assert sign(params, secret) == sign(dict(sorted(params.items(), reverse=True)), secret)
    name = min(params)
    assert sign({**params, name: params[name] + "x"}, secret) != sign(params, secret)
    assert sign(params, secret + "0") != sign(params, secret)


async def test_c12_ok_signs_only_what_it_made_itself() -> None:
    """The joined text has two readings (a digit can move from one value to the next), so nothing foreign is in it."""
    assert sign({"a": "1", "b": "2"}, "3") == sign({"a": "1b=2"}, "3")
    for name in ("ok server", "ok client"):
        ok = case(name)
        async with ok.on_bench() as bench:
            await bench.finish(ok.reply(api_server="https://evil.example", logged_user_id="1", fields="x", method="y"))
            for received in bench.server.received:
                signed = {n: v for n, v in received.params.items() if n not in {"sig", "access_token"}}
                if "sig" in received.params:
                    assert received.method == "POST"
                    assert signed.keys() <= {"application_key", "format", "method", "fields", "emptyPictures"}
                    assert "x" not in (signed.get("fields"), signed["method"])


async def test_ok_answers_of_one_flow_do_not_count_in_the_other() -> None:
    for name, reply in (
        ("ok server", Reply(Channel.FRAGMENT, {"code": "c", "state": STATE})),
        ("ok server", Reply(Channel.QUERY, {"access_token": "t", "session_secret_key": "0" * 32, "state": STATE})),
        ("ok client", Reply(Channel.QUERY, {"access_token": "t", "session_secret_key": "0" * 32, "state": STATE})),
        ("ok client", Reply(Channel.FRAGMENT, {"code": "c", "state": STATE})),
        ("ok client", Reply(Channel.FRAGMENT, {"session_secret_key": "0" * 32, "code": "c", "state": STATE})),
    ):
        async with case(name).on_bench() as bench:
            with pytest.raises(UpstreamInvalid):
                await bench.finish(reply)
            assert bench.server.received == []


async def test_ok_refusals_arrive_in_the_fragment_or_as_silence() -> None:
    for reply in (
        Reply(Channel.FRAGMENT, {"error": "access_denied", "state": STATE}),
        Reply(Channel.QUERY, {"state": STATE}),
        Reply(Channel.QUERY, {}),
    ):
        async with case("ok server").on_bench() as bench:
            with pytest.raises(UpstreamDenied):
                await bench.finish(reply)


@pytest.mark.parametrize("answer", [None, True, "", "0", [], {}, {"uid": "561999209121"}, 1.5, "561999209122"])
async def test_c13_the_owner_of_a_fragment_token_is_who_the_signed_call_says(answer: object) -> None:
    changed = case("ok client").with_changes({"answers /fb.do?method=users.getLoggedInUser": answer})
    async with changed.on_bench() as bench:
        with pytest.raises(UpstreamError):
            await bench.finish()


async def test_ok_is_asked_for_scopes_with_semicolons_and_without_pkce() -> None:
    found = await asked("ok server")
    assert (found["scope"], found["response_type"]) == ("VALUABLE_ACCESS;GET_EMAIL", "code")
    assert "code_challenge" not in found
    assert (await asked("ok client"))["response_type"] == "token"


# --- Yandex ---


async def test_yandex_tokens_of_another_app_are_refused() -> None:
    for client_id in ("other", "", None, "$absent", 5):
        async with case("yandex code").with_changes({"answers /info client_id": client_id}).on_bench() as bench:
            with pytest.raises(UpstreamInvalid):
                await bench.finish()


async def test_yandex_is_called_by_its_own_scheme() -> None:
    async with case("yandex code").on_bench() as bench:
        await bench.finish()
        token, info = bench.server.received
    assert token.headers["authorization"].startswith("Basic ")
    assert not {"client_id", "client_secret"} & token.params.keys()
    assert (info.method, info.params) == ("GET", {"format": "json"})
    assert info.headers["authorization"] == "OAuth canary-access-token"


async def test_c18_yandex_vouches_for_its_own_domains_and_for_those_the_operator_names() -> None:
    changed = case("yandex code").with_changes({"answers /info default_email": "a@firm.example"})
    for domains, verified in (((), False), (("other.example",), False), (("Firm.example",), True)):
        async with changed.on_bench(trust_email_domains=domains, trust_phone=verified) as bench:
            claims = (await bench.finish()).claims
        assert (claims["email_verified"], claims["phone_number_verified"]) == (verified, verified)


async def test_yandex_shows_its_account_choice_where_a_fresh_login_is_wanted() -> None:
    found = await asked("yandex code", replace(FLOW, wishes=Wishes(prompt=("login",), login_hint="ivan")))
    assert (found["force_confirm"], found["login_hint"]) == ("yes", "ivan")
    assert not {"force_confirm", "login_hint"} & (await asked("yandex code")).keys()


# --- Telegram: the vectors are made with the token 7000000001:AAEXAMPLE-fake-token-for-vectors-00 ---

W1 = {
    "id": "5000000042",
    "first_name": "Ada",
    "auth_date": "1767225600",
    "hash": "f733ae909bbdc75b8a8a0f68a3eeba72f084b912771bf6316086fb27363a0424",
}
W1_FRAGMENT = (
    "eyJpZCI6NTAwMDAwMDA0MiwiZmlyc3RfbmFtZSI6IkFkYSIsImF1dGhfZGF0ZSI6MTc2NzIyNTYwMCwiaGFzaCI6ImY3MzNhZTkwOWJiZGM3NWI4YThh"
    "MGY2OGEzZWViYTcyZjA4NGI5MTI3NzFiZjYzMTYwODZmYjI3MzYzYTA0MjQifQ"
)
W3 = {
    "id": "5000000044",
    "first_name": "A&B <c> =d",
    "username": "ab",
    "auth_date": "1767225720",
    "hash": "da4a529d3460e2544c161d9dd9dec0a3603707254da944236d1847dead979781",
}


async def test_telegram_query_and_fragment_say_the_same() -> None:
    async with case("telegram widget").on_bench() as bench:
        assert isinstance(bench.provider, SignsReplies)
        for reply in (Reply(Channel.QUERY, W1), Reply(Channel.FRAGMENT, {"tgAuthResult": W1_FRAGMENT})):
            identity = await bench.finish(reply)
            assert (identity.subject, identity.claims["name"]) == ("5000000042", "Ada")
            assert identity.claims["nickname"] == "Ada"
            assert bench.provider.replay_key(reply) == W1["hash"]
        odd = await bench.finish(Reply(Channel.QUERY, W3))
        assert odd.claims["name"] == "A&B <c> =d"


async def test_telegram_a_result_of_false_is_a_person_who_went_back() -> None:
    async with case("telegram widget").on_bench() as bench:
        with pytest.raises(UpstreamDenied):
            await bench.finish(Reply(Channel.FRAGMENT, {"tgAuthResult": "ZmFsc2U"}))


@pytest.mark.parametrize(
    "hash_",
    [
        "79a87333e7239b7936dc5287cc6f1c1f66ccc16d655688e52187b095cb267023",  # with state among the fields
        "2d65324539300d7ebd08757db22b4aa8e6d795483151f1fb2b4d47572e3a4e8c",  # with the token itself as the key
        "",
    ],
)
async def test_telegram_signatures_of_another_kind_are_refused(hash_: str) -> None:
    async with case("telegram widget").on_bench() as bench:
        with pytest.raises(UpstreamInvalid):
            await bench.finish(Reply(Channel.QUERY, {**W1, "hash": hash_}))


async def test_c10_telegram_mini_app_data_is_no_widget_data() -> None:
    raw = (
        "query_id=AAEXAMPLEquery0002&user=%7B%22id%22%3A5000000042%2C%22first_name%22%3A%22Ada%22%2C%22language_code%22"
        "%3A%22en%22%7D&auth_date=1767225900&hash=4515ff1352c749f15bebb148ede2899d6606fbf7207f4c1ddb024f39551c9c7a"
    )
    async with case("telegram widget").on_bench() as bench:
        with pytest.raises(UpstreamInvalid):
            await bench.finish(Reply(Channel.QUERY, dict(parse_qsl(raw))))


async def test_c22_buttons_of_the_same_bot_name_the_same_person_in_either_mode() -> None:
    token = "7000000001:AAEXAMPLE-fake-token-for-vectors-00"
    for name, more in (("telegram widget", {}), ("telegram oidc", {"bot_token": token})):
        async with case(name).on_bench(**more) as bench:
            assert isinstance(bench.provider, AcceptsUnasked)
            signed = await bench.provider.verify_unasked(W1)
            assert signed.identity.subject == "5000000042"
            assert (signed.replay_key, signed.expires_at) == (W1["hash"], 1767225900)
            assert bench.settings.identity_namespace() == "telegram:7000000001"
            with pytest.raises(UpstreamInvalid):
                await bench.provider.verify_unasked({**W1, "id": "5000000043"})
    async with case("telegram oidc").on_bench() as bench:
        assert isinstance(bench.provider, Telegram)
        with pytest.raises(UpstreamInvalid):
            await bench.provider.verify_unasked(W1)
        assert bench.provider.replay_key(case("telegram oidc").reply()) == ""


async def test_telegram_code_flow_takes_no_fragment_and_no_signed_fields() -> None:
    async with case("telegram oidc").on_bench() as bench:
        for reply in (
            Reply(Channel.FRAGMENT, {"code": "c", "state": STATE}),
            Reply(Channel.QUERY, W1),
            Reply(Channel.FRAGMENT, {"tgAuthResult": W1_FRAGMENT}),
        ):
            with pytest.raises(UpstreamInvalid):
                await bench.finish(reply)
        assert bench.server.received == []


def of_a_kit(*, issued_ago: int = 0, **changes: Any) -> Posted:
    """The ID token that a kit gave for the challenge of `FLOW`."""
    times = {"iat": NOW - issued_ago, "exp": NOW - issued_ago + 3600}
    return Posted(PostedKind.ID_TOKEN, case("telegram oidc").id_token(**times, **changes), FLOW)


async def test_m1_a_kit_of_telegram_without_a_nonce_counts_where_that_is_allowed_and_for_two_minutes() -> None:
    without: dict[str, Any] = {"nonce": None}
    async with case("telegram oidc").on_bench(kit_nonce="if_present") as bench:
        assert isinstance(bench.provider, Telegram)
        for good in (of_a_kit(), of_a_kit(**without), of_a_kit(issued_ago=120, **without)):
            assert (await bench.provider.verify_posted(good)).identity.subject == "5000000043"
        other_bot = of_a_kit(aud="7000000002", **without)
        for bad in (of_a_kit(issued_ago=121, **without), of_a_kit(nonce="another"), of_a_kit(nonce=""), other_bot):
            with pytest.raises(UpstreamInvalid):
                await bench.provider.verify_posted(bad)
    async with case("telegram oidc").on_bench() as bench:
        assert isinstance(bench.provider, Telegram)
        assert await bench.provider.verify_posted(of_a_kit())
        with pytest.raises(UpstreamInvalid):
            await bench.provider.verify_posted(of_a_kit(**without))


async def test_telegram_sends_its_client_id_twice_and_asks_only_for_what_is_wanted() -> None:
    async with case("telegram oidc").on_bench() as bench:
        found = await bench.begin()
        await bench.finish()
        sent = bench.server.received[0]
    assert found["scope"] == "openid profile phone"
    assert not {"bot_id", "origin", "return_to"} & found.keys()
    assert sent.params["client_id"] == "7000000001"
    assert "client_secret" not in sent.params
    assert sent.headers["authorization"].startswith("Basic ")
    more = await asked("telegram oidc", request_phone=False, request_messages=True)
    assert more["scope"] == "openid profile telegram:bot_access"


async def test_telegram_widget_is_shown_or_gone_to() -> None:
    deep = replace(FLOW, redirect_uri="https://id.example.com/x/callback/t", ui_locale="ru")
    found = await asked("telegram widget", deep, request_messages=True)
    assert found == {
        "bot_id": "7000000001",
        "origin": "https://id.example.com",
        "return_to": FLOW.callback_with_state,
        "request_access": "write",
    }
    base = "http://telegram.localhost:8414"
    async with case("telegram widget").on_bench(bot_username="sample_bot", browser_base=base) as bench:
        shown = await bench.provider.begin(FLOW)
    assert isinstance(shown, Widget)
    assert (shown.template, shown.script_origins, shown.frame_origins) == ("telegram.html", (base,), (base,))
    assert shown.context["bot"] == "sample_bot"
    assert shown.context["auth_url"] == FLOW.callback_with_state
    assert "request_access" not in shown.context
    assert urlsplit(shown.url).path == "/auth"
    async with case("telegram widget").on_bench() as bench:
        assert isinstance(await bench.provider.begin(FLOW), Redirect)


@pytest.mark.parametrize(
    "settings",
    [
        {"client_id": "7"},
        {"client_id": "7", "mode": "widget", "client_secret": "s"},
        {"client_id": "7", "mode": "widget", "bot_token": "8:x"},
        {"client_id": "7", "client_secret": "s", "bot_token": "70:x"},
        {"client_id": "bot", "client_secret": "s"},
        {"client_id": "07", "client_secret": "s"},
        {"client_id": "7\n", "client_secret": "s"},
        {"client_id": "7", "client_secret": ""},
        {"client_id": "7", "client_secret": "s", "bot_username": "@bot"},
        {"client_id": "7", "client_secret": "s", "accept_posted": ["widget"]},
        {"client_id": "7", "client_secret": "s", "accept_posted": ["access_token"]},
        {"client_id": "7", "client_secret": "s", "kit_nonce": "never"},
    ],
)
def test_telegram_settings_that_cannot_work_are_refused_at_start(settings: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as caught:
        TelegramSettings.model_validate({"type": "telegram", **settings})
    assert "8:x" not in str(caught.value)


@given(st.permutations(["id", "first_name", "auth_date", "hash"]), st.text(max_size=4))
def test_c9_order_does_not_matter_and_a_further_field_does(order: list[str], value: str) -> None:
    key = sha256(b"7000000001:AAEXAMPLE-fake-token-for-vectors-00").digest()
    rules = SignedReply(key, frozenset({"id", "first_name", "auth_date", "username"}), frozenset({"id", "auth_date"}))
    shuffled = dict(parse_qsl(urlencode({name: W1[name] for name in order})))
    assert rules.verify(shuffled, now=NOW).fields.text("first_name") == "Ada"
    with pytest.raises(UpstreamInvalid):
        rules.verify({**shuffled, "username": value}, now=NOW)


def test_fields_of_a_reply_are_not_shown() -> None:
    assert "Ada" not in repr(Fields(W1))


@pytest.mark.parametrize(
    ("kind", "path", "answer", "failure"),
    [
        ("ok", "/oauth/token.do", {"error_code": 2, "error_msg": "SERVICE"}, UpstreamUnavailable),
        ("ok", "/fb.do", {"error_code": "9999", "error_msg": "SYSTEM"}, UpstreamUnavailable),
        ("ok", "/fb.do", {"error_code": 102, "error_msg": "PARAM_SESSION_EXPIRED"}, UpstreamRejected),
        ("vk", "/oauth2/auth", {"error": "temporarily_unavailable"}, UpstreamUnavailable),
        ("vk", "/oauth2/auth", {"error": {"error_code": 9999}}, UpstreamRejected),
    ],
)
async def test_each_upstream_says_not_now_in_its_own_words(
    kind: str, path: str, answer: object, failure: type[UpstreamError]
) -> None:
    async with load_cases(kind)[0].on_bench() as bench:
        bench.server.answers[path] = json_of(answer)
        with pytest.raises(failure):
            await bench.finish()
