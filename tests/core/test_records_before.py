"""Bytes that 0.1 wrote before records nested are read; each literal was written by that version."""

from __future__ import annotations

import pytest

from broker.core.authorize.pushed import PushedRequest
from broker.core.clients.registered import RegisteredClient
from broker.core.devices import DeviceTicket, Pace, Waiting
from broker.core.errors import SealBroken
from broker.core.logout import LogoutDone, LogoutTicket
from broker.core.records import (
    AccessToken,
    AuthorizationRequest,
    Authorize,
    ClientToken,
    CodeRecord,
    ConsentTicket,
    Device,
    EntryTicket,
    FlowRecord,
    Grant,
    KeptLogin,
    Login,
    Record,
    SessionRecord,
)

REQUEST = AuthorizationRequest(
    client_id="app",
    redirect_uri="https://app.test/cb",
    scope=("openid", "email"),
    state="st",
    nonce="n1",
    code_challenge="ch",
    response_mode="form_post",
    prompt=("login",),
    max_age=60,
    login_hint="a@b.test",
    ui_locales=("ru",),
    acr_values=("urn:silver",),
    idp_hint="alpha",
    hinted_sub="s1",
    essential_acr=("urn:gold",),
    resource=("https://api.test",),
    dpop_jkt="jk",
    request_uri="urn:x",
    claims={"userinfo": {"name": None}},
)
LOGIN = Login(
    sub="s1",
    provider="alpha",
    provider_key="p1",
    subject="x1",
    auth_time=1800000000,
    amr=("fed", "mfa"),
    sid="sid1",
    acr="urn:gold",
    upstream_sid="up1",
    began_at=1799999990,
)
UNNAMED = LOGIN.replace(provider="")
RAW_REQUEST = (
    r'"{\"k\":\"request\",\"client_id\":\"app\",\"redirect_uri\":\"https://app.test/cb\",\"scope\":[\"openid\",\"email\"],'
    r"\"state\":\"st\",\"nonce\":\"n1\",\"code_challenge\":\"ch\",\"response_mode\":\"form_post\",\"prompt\":[\"login\"],"
    r"\"max_age\":60,\"login_hint\":\"a@b.test\",\"ui_locales\":[\"ru\"],\"acr_values\":[\"urn:silver\"],"
    r"\"idp_hint\":\"alpha\",\"hinted_sub\":\"s1\",\"essential_acr\":[\"urn:gold\"],\"resource\":[\"https://api.test\"],"
    r'\"dpop_jkt\":\"jk\",\"request_uri\":\"urn:x\",\"device\":\"\",\"claims\":{\"userinfo\":{\"name\":null}}}"'
)
PLAIN = (
    r"\"nonce\":\"\",\"code_challenge\":\"\",\"response_mode\":\"query\",\"prompt\":[],\"max_age\":null,"
    r"\"login_hint\":\"\",\"ui_locales\":[],\"acr_values\":[],\"idp_hint\":\"\",\"hinted_sub\":\"\","
    r"\"essential_acr\":[],\"resource\":[],\"dpop_jkt\":\"\",\"request_uri\":\"\""
)

FLOW = (
    '"provider":"alpha","state":"state1","nonce":"n2","code_verifier":"ver","started_at":1800000000,'
    '"expires_at":1800000900'
)
DEVICE = AuthorizationRequest("tv", "", ("openid",), device="dk")
NESTED: list[tuple[Record, str]] = [
    (
        FlowRecord(Device(DEVICE), "alpha", "state1", "n2", "ver", 1800000000, 1800000900),
        r'{"k":"flow","request":"{\"k\":\"request\",\"client_id\":\"tv\",\"redirect_uri\":\"\",'
        rf'\"scope\":[\"openid\"],\"state\":\"\",{PLAIN},\"device\":\"dk\",\"claims\":{{}}}}",{FLOW}}}',
    ),
    (
        FlowRecord(
            purpose=Authorize(REQUEST),
            provider="alpha",
            state="state1",
            nonce="n2",
            code_verifier="ver",
            started_at=1800000000,
            expires_at=1800000900,
            memo={"pkce": "x"},
            began_ms=1800000000123,
        ),
        f'{{"k":"flow","request":{RAW_REQUEST},"provider":"alpha","state":"state1","nonce":"n2","code_verifier":"ver",'
        '"started_at":1800000000,"expires_at":1800000900,"memo":{"pkce":"x"},"began_ms":1800000000123}',
    ),
    (
        CodeRecord(
            request=AuthorizationRequest(
                client_id="app",
                redirect_uri="https://app.test/cb",
                scope=("openid", "email"),
                nonce="n1",
                code_challenge="ch",
                resource=("https://api.test",),
                dpop_jkt="jk",
                claims={"userinfo": {"name": None}},
            ),
            login=UNNAMED,
            expires_at=1800000060,
            upstream_refresh="sealed-refresh",
        ),
        '{"k":"code","grant_id":"g1","client_id":"app","redirect_uri":"https://app.test/cb","scope":["openid","email"],'
        '"nonce":"n1","code_challenge":"ch","sub":"s1","provider_key":"p1","subject":"x1","auth_time":1800000000,'
        '"amr":["fed","mfa"],"sid":"sid1","expires_at":1800000060,"acr":"urn:gold","resource":["https://api.test"],'
        '"dpop_jkt":"jk","claims":{"userinfo":{"name":null}},"began_at":1799999990,"upstream_sid":"up1",'
        '"upstream_refresh":"sealed-refresh"}',
    ),
    (
        SessionRecord(
            login=LOGIN,
            created_at=1800000001,
            seen_at=1800000002,
            upstream_id_token="sealed-id-token",
            upstream_refresh="sealed-refresh",
        ),
        '{"k":"session","sid":"sid1","sub":"s1","provider":"alpha","provider_key":"p1","subject":"x1",'
        '"auth_time":1800000000,"amr":["fed","mfa"],"created_at":1800000001,"seen_at":1800000002,"acr":"urn:gold",'
        '"began_at":1799999990,"upstream_sid":"up1","upstream_id_token":"sealed-id-token",'
        '"upstream_refresh":"sealed-refresh"}',
    ),
    (
        ConsentTicket(request=REQUEST, session="session-key", jti="j1", expires_at=1800000600, promise="promise"),
        f'{{"k":"consent","request":{RAW_REQUEST},"session":"session-key","jti":"j1","expires_at":1800000600,'
        '"promise":"promise"}',
    ),
    (
        Grant(
            id="g1",
            client_id="app",
            login=UNNAMED.replace(began_at=0),
            scope=("openid", "offline_access"),
            nonce="n1",
            created_at=1800000003,
            expires_at=1802592003,
            offline=True,
            resource=("https://api.test",),
            jkt="jk",
            claims={"userinfo": {"name": None}},
        ),
        '{"k":"grant","id":"g1","client_id":"app","sub":"s1","provider_key":"p1","subject":"x1",'
        '"scope":["openid","offline_access"],"nonce":"n1","auth_time":1800000000,"amr":["fed","mfa"],"sid":"sid1",'
        '"created_at":1800000003,"expires_at":1802592003,"offline":true,"acr":"urn:gold",'
        '"resource":["https://api.test"],"jkt":"jk","claims":{"userinfo":{"name":null}},"upstream_sid":"up1"}',
    ),
    (
        Waiting(
            request=DEVICE,
            user_code="sealed-code",
            place="Berlin",
            asked_at=1800000000,
            expires_at=1800000600,
        ),
        r'{"k":"device","client_id":"tv","request":"{\"k\":\"request\",\"client_id\":\"tv\",\"redirect_uri\":\"\",'
        rf'\"scope\":[\"openid\"],\"state\":\"\",{PLAIN},\"device\":\"dk\",\"claims\":{{}}}}","user_code":"sealed-code",'
        '"place":"Berlin","asked_at":1800000000,"expires_at":1800000600}',
    ),
    (
        PushedRequest(
            request=AuthorizationRequest("app", "https://app.test/cb", ("openid",), "st"),
            until=1800000300,
            shown=True,
            expires_at=1800001200,
        ),
        r'{"k":"pushed","request":"{\"k\":\"request\",\"client_id\":\"app\",'
        rf"\"redirect_uri\":\"https://app.test/cb\",\"scope\":[\"openid\"],\"state\":\"st\",{PLAIN},"
        r'\"device\":\"\",\"claims\":{}}",'
        '"until":1800000300,"shown":true,"expires_at":1800001200}',
    ),
]
FLAT_AS_EVER: list[tuple[Record, str]] = [
    (
        KeptLogin(refresh_token="r1", nonce="n2", auth_time=None),
        '{"k":"kept-login","refresh_token":"r1","nonce":"n2","auth_time":null}',
    ),
    (
        EntryTicket(
            provider="beta",
            client_id="app",
            subject="x1",
            claims={"name": "Ann"},
            raw_ids={"psuid": "y"},
            amr=("fed",),
            replay_key="h1",
            signed_until=1800000300,
            expires_at=1800000200,
        ),
        '{"k":"entry","provider":"beta","client_id":"app","subject":"x1","claims":{"name":"Ann"},'
        '"raw_ids":{"psuid":"y"},"amr":["fed"],"replay_key":"h1","signed_until":1800000300,"expires_at":1800000200}',
    ),
    (
        AccessToken("g1", "app", ("openid",), 1800000600, ("https://api.test",), "jk"),
        '{"k":"access","grant_id":"g1","client_id":"app","scope":["openid"],"expires_at":1800000600,'
        '"audience":["https://api.test"],"jkt":"jk"}',
    ),
    (
        ClientToken("j1", "robot", ("read",), 1800000000, 1800000600, ("https://api.test",), "jk"),
        '{"k":"client-access","jti":"j1","client_id":"robot","scope":["read"],"issued_at":1800000000,'
        '"expires_at":1800000600,"audience":["https://api.test"],"jkt":"jk"}',
    ),
    (Pace(10, 1800000000), '{"k":"device-poll","interval":10,"polled_at":1800000000}'),
    (DeviceTicket("dk", 1800000600), '{"k":"device-ticket","device":"dk","expires_at":1800000600}'),
    (
        LogoutTicket("session-key", "app", "https://app.test/bye", 1800000600),
        '{"k":"logout","session":"session-key","client_id":"app","redirect_uri":"https://app.test/bye",'
        '"expires_at":1800000600}',
    ),
    (
        LogoutDone("app", "https://app.test/bye", {"app": "told"}),
        '{"k":"logged-out","client_id":"app","redirect_uri":"https://app.test/bye","apps":{"app":"told"}}',
    ),
    (
        RegisteredClient(
            client_id="dc_1",
            metadata={"redirect_uris": ["https://app.test/cb"], "scope": "openid"},
            secret="sealed",
            token_digest="td",
            sector="app.test",
            created_at=1800000000,
            logo="data:x",
        ),
        '{"k":"registered-client","client_id":"dc_1","metadata":{"redirect_uris":["https://app.test/cb"],'
        '"scope":"openid"},"secret":"sealed","token_digest":"td","sector":"app.test","created_at":1800000000,'
        '"logo":"data:x"}',
    ),
]


@pytest.mark.parametrize(("record", "raw"), NESTED + FLAT_AS_EVER)
def test_a_record_of_before_is_read(record: Record, raw: str) -> None:
    assert type(record).from_bytes(raw.encode()) == record


@pytest.mark.parametrize(
    "raw",
    [
        b'{"k":"pushed","request":"not JSON"}',
        b'{"k":"pushed","request":"[]"}',
        b'{"k":"pushed","request":7}',
        b'{"k":"pushed"}',
    ],
)
def test_b8_a_request_of_another_shape_is_refused(raw: bytes) -> None:
    with pytest.raises(SealBroken):
        PushedRequest.from_bytes(raw)


@pytest.mark.parametrize("request_", ['"request":"[]",', '"request":7,', '"request":{},', ""])
def test_b8_an_attempt_without_a_request_is_refused(request_: str) -> None:
    with pytest.raises(SealBroken):
        FlowRecord.from_bytes(f'{{"k":"flow",{request_}{FLOW}}}'.encode())
