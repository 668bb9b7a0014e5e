"""What a messenger signs for a bot: the vectors of its contract, and everything that is not quite one."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from urllib.parse import parse_qsl, urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from broker.core.errors import UpstreamInvalid
from broker.core.jose.compact import b64url
from broker.core.people.identity import Identity
from broker.core.terms import PostedKind
from broker.testing.bench import FLOW
from broker.upstream.abilities import SignedIdentity
from broker.upstream.bot_signed import PRODUCTION_KEY, BotSettings, BotSigned, unpack_widget
from broker.upstream.posted import Posted
from broker.upstream.signed import check_string, unpack_query

# Telegram's contract, section 3.4: a made-up token, and the key of its vector O1.
BOT = "7000000001"
TOKEN = f"{BOT}:AAEXAMPLE-fake-token-for-vectors-00"
SEED = bytes.fromhex("67a82f1e9b5a7204e8c9451593c82452210b63ddb3215c75971a1f2e92b17084")
KEY = "735cbae94c6b52d100e8fa2ec4d62415fe19dd5c500b73e4f9bdeb0ae442a610"
TEST_ENVIRONMENT = "40055058a4ee38156a06562e52eece92a771bcd8346a8c4615cb7376eddf72ec"
M1 = (
    "query_id=AAEXAMPLEquery0001&user=%7B%22id%22%3A5000000043%2C%22first_name%22%3A%22Zo%C3%AB%22%2C%22last_name%22%3A%"
    "22M%C3%BCller%20%F0%9F%9A%80%22%2C%22username%22%3A%22zoe_m%22%2C%22language_code%22%3A%22de%22%2C%22is_premium%22%"
    "3Atrue%2C%22allows_write_to_pm%22%3Atrue%2C%22photo_url%22%3A%22https%3A%5C%2F%5C%2Ft.me%5C%2Fi%5C%2Fuserpic%5C%2F3"
    "20%5C%2FAbC-dEf_123.svg%22%7D&auth_date=1767225780&signature=RV6yGmp4miggcOOHD9xeHwXfno6A4kvNGe817_J4h35R9hCo4FaeTU"
    "F6k5TkTTUMtnmSSYiAh6VAjiZwb_EVDQ&hash=c4f90dad8b143708a0436a6372a424e439de991fb8e20fa686433d73b3d04c2b"
)
M1_WITHOUT_SIGNATURE = "434b14a70cb3926d443d9aaf1422f0cd04ff577b59932beb54c23a920aecb810"
M2 = (
    "user=%7B%22id%22%3A5000000042%2C%22first_name%22%3A%22Ada%22%2C%22language_code%22%3A%22en%22%2C%22allows_write_to_"
    "pm%22%3Atrue%7D&chat_instance=-3788475317572404878&chat_type=private&start_param=ref-42&auth_date=1767225840"
    "&signature=3CTw-kzlCOFF_1izp5ZMYJfxCxXscndnNBYjtfFqMWRl811l70E8W1_BQ3Cz41X_1RCAVFpgOXh_dYuvL92GCg"
    "&hash=007b71065a9f5eb420c792aadd8dc111f069b793ca77bc33ee98d41964b45fc1"
)
M3 = (
    "query_id=AAEXAMPLEquery0002&user=%7B%22id%22%3A5000000042%2C%22first_name%22%3A%22Ada%22%2C%22language_code%22%3A%2"
    "2en%22%7D&auth_date=1767225900&hash=4515ff1352c749f15bebb148ede2899d6606fbf7207f4c1ddb024f39551c9c7a"
)
# Signed by Telegram itself: a sample that the Telegram Mini Apps project publishes, and the derived key beside it.
R1_BOT, R1_AT = "7342037359", 1733584787
R1_SECRET_KEY = "c0881d6d547967540dcb06d7378a2c2b2c79a8f915ae70a4a37a8a04de0da32b"
R1 = (
    "user=%7B%22id%22%3A279058397%2C%22first_name%22%3A%22Vladislav%20%2B%20-%20%3F%20%5C%2F%22%2C%22last_name%22%3A%22K"
    "ibenko%22%2C%22username%22%3A%22vdkfrost%22%2C%22language_code%22%3A%22ru%22%2C%22is_premium%22%3Atrue%2C%22allows_"
    "write_to_pm%22%3Atrue%2C%22photo_url%22%3A%22https%3A%5C%2F%5C%2Ft.me%5C%2Fi%5C%2Fuserpic%5C%2F320%5C%2F4FPEE4tmP3A"
    "THa57u6MqTDih13LTOiMoKoLDRG4PnSA.svg%22%7D&chat_instance=8134722200314281151&chat_type=private&auth_date=1733584787"
    "&hash=2174df5b000556d044f3f020384e879c8efcab55ddea2ced4eb752e93e7080d6&signature=zL-ucjNyREiHDE8aihFwpfR9aggP2xiAo3"
    "NSpfe-p7IbCisNlDKlo7Kb6G4D0Ao2mBrSgEk4maLSdv6MLIlADQ"
)
AT = 1767225900
USER = '{"id":5000000042,"first_name":"Ada"}'
FIELDS = {"query_id": "AA1", "user": USER, "auth_date": str(AT)}


def bot(
    token: str | None = TOKEN,
    *,
    now: int = AT,
    key: str = KEY,
    bot_id: str = BOT,
    odd: Callable[[str], None] = lambda name: None,
) -> BotSigned:
    settings = {"type": "telegram", "client_id": bot_id, "bot_token": token, "init_data_key": key}
    return BotSigned(BotSettings.model_validate(settings), lambda: now, odd)


by_token, by_key = bot(), bot(None)


def mac(fields: dict[str, str]) -> str:
    key = hmac.digest(b"WebAppData", TOKEN.encode(), "sha256")
    return hmac.digest(key, check_string(fields).encode(), "sha256").hex()


def signature(fields: dict[str, str], head: str = f"{BOT}:WebAppData") -> str:
    return b64url(Ed25519PrivateKey.from_private_bytes(SEED).sign(f"{head}\n{check_string(fields)}".encode()))


def made(fields: dict[str, str], **more: str) -> str:
    """Signed in both ways; then changed as `more` says."""
    whole = {**fields, "signature": signature(fields)}
    return urlencode({**whole, "hash": mac(whole), **more})


def refused(at: BotSigned, raw: str) -> str:
    with pytest.raises(UpstreamInvalid) as caught:
        at.opener(raw)
    return str(caught.value.detail)


def refused_both_ways(raw: str) -> None:
    refused(by_token, raw)
    refused(by_key, raw)


# --- the contract's own ---


@pytest.mark.parametrize("at", [by_token, by_key], ids=["token", "key"])
def test_m1_of_the_contract_names_a_person_with_all_that_is_told(at: BotSigned) -> None:
    assert at.opener(M1).identity == Identity(
        "5000000043",
        {
            "name": "Zoë Müller 🚀",
            "given_name": "Zoë",
            "family_name": "Müller 🚀",
            "nickname": "zoe_m",
            "preferred_username": "zoe_m",
            "picture": "https://t.me/i/userpic/320/AbC-dEf_123.svg",
            "locale": "de",
        },
        raw_ids={"telegram_id": "5000000043"},
        amr=("fed", "telegram-miniapp"),
    )
    assert at.opener(M1).expires_at == 1767225780 + 300


@pytest.mark.parametrize("at", [by_token, by_key], ids=["token", "key"])
def test_m2_of_the_contract_was_opened_by_a_link(at: BotSigned) -> None:
    assert at.opener(M2).identity.subject == "5000000042"


def test_m3_of_the_contract_is_of_an_old_client_which_only_the_token_can_verify() -> None:
    assert by_token.opener(M3).identity.claims["name"] == "Ada"
    assert "no signature" in refused(by_key, M3)


def test_r1_is_signed_by_telegram_itself() -> None:
    at = bot(None, now=R1_AT, key=PRODUCTION_KEY, bot_id=R1_BOT)
    assert at.opener(R1).identity.claims["preferred_username"] == "vdkfrost"
    fields = {name: value for name, value in unpack_query(R1).items() if name != "hash"}
    whole = hmac.digest(bytes.fromhex(R1_SECRET_KEY), check_string(fields).encode(), "sha256").hex()
    assert whole == unpack_query(R1)["hash"], "the signature stays in what the token signs"
    refused(bot(None, now=R1_AT, key=TEST_ENVIRONMENT, bot_id=R1_BOT), R1)
    refused(bot(None, now=R1_AT, key=PRODUCTION_KEY, bot_id="7342037358"), R1)


def test_c11_without_the_signature_the_other_one_is_another() -> None:
    fields = dict(parse_qsl(M1)) | {"hash": M1_WITHOUT_SIGNATURE}
    assert fields.pop("signature")
    assert by_token.opener(urlencode(fields)), "as an old client would have sent it: this is the hash of that"
    refused(by_token, M1.replace(unpack_query(M1)["hash"], M1_WITHOUT_SIGNATURE))


def test_what_a_link_said_is_told_if_it_is_what_a_link_may_say() -> None:
    assert by_key.opener(M2).start_param == "ref-42"
    assert by_key.opener(M1).start_param == ""
    for said in ("A_-9" * 128, "a b", "a/b", "x" * 513, "\u043a", "a\u2028"[:1] + ".", ""):
        allowed = said if said == "A_-9" * 128 else ""
        assert by_token.opener(made({**FIELDS, "start_param": said})).start_param == allowed


# --- C11: what is not quite one ---


def test_c11_every_signature_that_can_be_verified_has_to_fit() -> None:
    raw = made(FIELDS)
    fields = dict(parse_qsl(raw))
    assert by_token.opener(raw) == by_key.opener(raw), "and what counts once is one thing, whoever verifies it"
    refused(by_token, urlencode({**fields, "hash": "0" * 64}))
    by_key.opener(urlencode({**fields, "hash": "0" * 64}))  # which nobody here can verify, and nobody reads
    other = {**FIELDS, "signature": signature(FIELDS, "7000000002:WebAppData")}
    refused_both_ways(urlencode({**other, "hash": mac(other)}))
    dropped = {name: value for name, value in fields.items() if name != "signature"}
    refused_both_ways(urlencode(dropped))
    refused_both_ways(urlencode({**fields, "signature": ""}))


def test_c11_another_bot_and_another_environment_sign_for_nobody_here() -> None:
    refused(bot("7000000002:AAEXAMPLE-fake-token-for-vectors-00", bot_id="7000000002"), M3)
    refused(bot(None, bot_id="7000000002"), M1)
    for key in (TEST_ENVIRONMENT, PRODUCTION_KEY):
        refused(bot(None, key=key), M1)
        refused(bot(key=key), M1)


@pytest.mark.parametrize(
    "spelt",
    [
        "é" * 86,
        "=" * 86,
        "+" * 86,
        "A" * 85,
        "A" * 87,
        "A" * 86,
        "B" * 86,
        "A" * 43 + "." + "A" * 42,
        " " + "A" * 85,
    ],
)
def test_c11_a_signature_has_one_spelling(spelt: str) -> None:
    whole = {**FIELDS, "signature": spelt}
    refused_both_ways(urlencode({**whole, "hash": mac(whole)}))


def test_c11_spare_bits_of_a_signature_make_no_second_one() -> None:
    good = signature(FIELDS)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for step in range(1, 16):
        spelt = good[:-1] + alphabet[alphabet.index(good[-1]) + step]
        refused(by_key, urlencode({**FIELDS, "signature": spelt}))
    assert by_key.opener(urlencode({**FIELDS, "signature": good})), "and a hash is not needed where none is read"


def test_c11_the_age_is_checked_both_ways() -> None:
    for age in (300, 0, -60):
        bot(now=AT + age).opener(made(FIELDS))
        bot(None, now=AT + age).opener(made(FIELDS))
    for age in (301, 10**6, -61):
        refused(bot(now=AT + age), made(FIELDS))
        refused(bot(None, now=AT + age), made(FIELDS))


@pytest.mark.parametrize(
    "user",
    [
        *('{"id":"5000000042"}', '{"id":true}', '{"id":5000000042.0}', '{"id":-5}', '{"id":0}', '{"id":1e9}', "{}"),
        *('{"id":5000000042,"is_bot":true}', '{"id":5000000042,"id":43}', "[]", "5000000042", "{", ""),
        '{"id":123456789012345678901}',
    ],
)
def test_c11_a_person_is_one_whole_number_and_no_bot(user: str) -> None:
    refused_both_ways(made({**FIELDS, "user": user}))


def test_c11_nobody_named_is_nobody() -> None:
    refused_both_ways(made({"query_id": "AA1", "auth_date": str(AT)}))
    refused_both_ways(made({"query_id": "AA1", "user": USER}))
    receiver = {"query_id": "AA1", "receiver": USER, "auth_date": str(AT)}
    refused_both_ways(made(receiver))


@pytest.mark.parametrize("raw", ["", "x", "&", "a b", "ключ", "user=\n", "x" * 8193, "A=1", "=1", "%ff=1", "a=%00"])
def test_c9_what_is_no_query_of_fields_is_refused(raw: str) -> None:
    refused_both_ways(raw)


def test_c9_c11_pairs_come_in_any_order_and_once() -> None:
    pairs = made(FIELDS).split("&")
    found = by_token.opener("&".join(pairs))
    assert by_token.opener("&".join(reversed(pairs))).replay_key == found.replay_key, "re-ordered it is the same once"
    assert by_key.opener("&".join(sorted(pairs))).replay_key == found.replay_key
    for pair in pairs:
        refused_both_ways("&".join([*pairs, pair]))
        refused_both_ways("&".join([pair.split("=")[0] + "=", *pairs]))
    many = made({**FIELDS, **{f"f{number}": "x" for number in range(60)}})
    refused_both_ways(many)


def test_c9_c24_a_signed_stranger_is_counted_and_an_unsigned_one_refused() -> None:
    told: list[str] = []
    found = bot(odd=told.append).opener(made({**FIELDS, "theme": "dark"}))
    assert (found.identity.subject, told) == ("5000000042", ["theme"])
    refused_both_ways(made(FIELDS, theme="dark"))
    refused_both_ways(made(FIELDS, state="ours"))
    told.clear()
    documented = {"receiver": "{}", "chat": "{}", "chat_type": "group", "chat_instance": "-1", "can_send_after": "5"}
    bot(odd=told.append).opener(made({**FIELDS, **documented, "start_param": "a"}))
    assert told == []


@given(st.data())
def test_c9_no_split_of_signed_init_data_into_other_fields_is_accepted(data: st.DataObject) -> None:
    """Fields move into each other at every line feed, so that both signatures still fit: no such reading passes."""
    fields = {**FIELDS, "start_param": "x", "chat_type": "private", "chat_instance": "-1"}
    lines = check_string(fields).split("\n")
    cuts = data.draw(st.lists(st.integers(1, len(lines) - 1), unique=True, max_size=len(lines) - 1).map(sorted))
    parts = [lines[start:end] for start, end in zip([0, *cuts], [*cuts, len(lines)], strict=True)]
    moved = dict("\n".join(part).split("=", 1) for part in parts)
    assert check_string(moved) == check_string(fields), "the attack must be a real one"
    without_signature = urlencode({**moved, "hash": mac(fields)})
    by_signature = urlencode({**moved, "signature": signature(fields)})
    if moved == fields:
        assert by_token.opener(without_signature)
        assert by_key.opener(by_signature)
    else:
        refused(by_token, without_signature)
        refused(by_key, by_signature)


# --- C10: the two kinds, and their places in the store ---


def posted(at: BotSigned, kind: PostedKind, token: str) -> SignedIdentity:
    return at.posted(Posted(kind, token, FLOW))


def widget(**fields: str) -> str:
    key = hashlib.sha256(TOKEN.encode()).digest()
    return urlencode({**fields, "hash": hmac.digest(key, check_string(fields).encode(), "sha256").hex()})


def test_c10_neither_kind_is_the_other() -> None:
    shared = {"id": "5000000042", "first_name": "Ada", "auth_date": str(AT), "user": USER, "query_id": "AA1"}
    button = widget(**shared)
    found = posted(by_token, PostedKind.WIDGET, button)
    assert (found.identity.subject, found.identity.amr) == ("5000000042", ("fed", "telegram-widget"))
    app = made(shared)
    opener = posted(by_token, PostedKind.INIT_DATA, app)
    assert opener.identity.subject == "5000000042"
    for kind, other in ((PostedKind.WIDGET, app), (PostedKind.INIT_DATA, button)):
        with pytest.raises(UpstreamInvalid):
            posted(by_token, kind, other)
    assert opener.replay_key.startswith("init data ")
    assert found.replay_key == dict(parse_qsl(button))["hash"], "and in a browser it is known by the same"


def test_the_fields_of_a_widget_come_one_by_one_or_together() -> None:
    packed = b64url(json.dumps({"id": 5000000042, "first_name": "Ada"}).encode())
    one_by_one = {"id": "5000000042", "first_name": "Ada"}
    assert unpack_widget({"tgAuthResult": packed}) == unpack_widget(one_by_one) == one_by_one


def test_the_widget_needs_the_token() -> None:
    with pytest.raises(UpstreamInvalid):
        posted(by_key, PostedKind.WIDGET, widget(id="5000000042", auth_date=str(AT)))


@pytest.mark.parametrize(
    "settings",
    [
        {"client_id": "70"},
        {"bot_token": None, "accept_posted": ["widget"]},
        {"accept_posted": ["id_token"]},
        {"init_data_key": ""},
        {"init_data_key": KEY.upper()},
        {"init_data_key": KEY + "00"},
    ],
)
def test_settings_that_cannot_work_are_refused_at_start(settings: dict[str, object]) -> None:
    good = {"type": "telegram", "client_id": BOT, "bot_token": TOKEN, "accept_posted": ["widget", "init_data"]}
    assert BotSettings.model_validate(good).init_data_key == PRODUCTION_KEY
    with pytest.raises(ValidationError) as caught:
        BotSettings.model_validate({**good, **settings})
    assert "AAEXAMPLE" not in str(caught.value)


def test_the_token_is_in_no_text() -> None:
    assert "AAEXAMPLE" not in repr(by_token)
    assert json.loads(USER)["first_name"] not in repr(by_token.opener(made(FIELDS)).replay_key)
