"""Where answers may go: byte for byte what was registered, and any port of a loopback address."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from broker.core.authorize.target import verify_redirect_uri
from broker.core.clients.client import Client
from broker.core.errors import BadRedirectUri
from broker.core.terms import AuthMethod

REGISTERED = "https://a.test/cb"
WITH_QUERY = "https://a.test/cb?x=1"

VARIANTS = (
    "",
    "/",
    "/cb",
    "//a.test/cb",
    "a.test/cb",
    "https://a.test",
    "https://a.test/",
    "https://a.test/cb/",
    "https://a.test/cb//",
    "https://a.test//cb",
    "https://a.test/cb?",
    "https://a.test/cb?x",
    "https://a.test/cb?x=1",
    "https://a.test/cb#",
    "https://a.test/cb#x",
    "https://a.test/cb;x",
    "https://a.test/cb;x=1",
    "https://a.test/cb/..",
    "https://a.test/cb/../cb",
    "https://a.test/./cb",
    "https://a.test/x/../cb",
    "https://a.test/..;/cb",
    "https://a.test/%2e%2e/cb",
    "https://a.test/%63b",
    "https://a.test/c%62",
    "https://a.test/cb%2f",
    "https://a.test%2fcb",
    "https://a.test/cb%00",
    "https://a.test/cb%20",
    "https://a.test/cb%0d%0a",
    "https://a.test/cb\x00",
    "https://a.test/cb\n",
    "https://a.test/cb\r\n",
    "https://a.test/cb\t",
    "https://a.test/cb ",
    " https://a.test/cb",
    "\thttps://a.test/cb",
    "https://a.test/\tcb",
    "ht\ntps://a.test/cb",
    "https://a.test/CB",
    "https://A.test/cb",
    "https://a.TEST/cb",
    "HTTPS://a.test/cb",
    "Https://a.test/cb",
    "http://a.test/cb",
    "https:/a.test/cb",
    "https:a.test/cb",
    "https:///a.test/cb",
    "https:\\\\a.test\\cb",
    "https://a.test\\cb",
    "https://a.test/\\cb",
    "https://a.test:443/cb",
    "https://a.test:/cb",
    "https://a.test:8443/cb",
    "https://a.test./cb",
    "https://a.test.evil.test/cb",
    "https://evil.test/a.test/cb",
    "https://evil.test/?https://a.test/cb",
    "https://evil.test/#https://a.test/cb",
    "https://a.test@evil.test/cb",
    "https://evil.test@a.test/cb",
    "https://a.test:x@evil.test/cb",
    "https://evil.test\\@a.test/cb",
    "https://x.a.test/cb",
    "https://aXtest/cb",
    "https://axtest/cb",
    "https://a\uff0etest/cb",
    "https://a\u3002test/cb",
    "https://\uff41.test/cb",
    "https://\u0430.test/cb",
    "https://xn--80a.test/cb",
    "https://a.test/cb\u200b",
    "https://a.test/cb\u202e",
    "https://a.test/c\u0062\u0301",
    "https://a.test/cb,https://a.test/cb",
    "https://a.test/cb https://a.test/cb",
    "https://*.test/cb",
    "https://a.test/*",
    "javascript:alert(1)//https://a.test/cb",
    "data:text/html,https://a.test/cb",
)


def client(*uris: str, method: AuthMethod = AuthMethod.BASIC) -> Client:
    """A client with these redirect URIs."""
    return Client(id="app", name={"en": "App"}, redirect_uris=uris, auth_method=method)


def accepts(uri: str, *registered: str) -> bool:
    """Whether a client with these URIs may be answered there."""
    try:
        return verify_redirect_uri(client(*registered), uri) == uri
    except BadRedirectUri:
        return False


def test_a1_the_registered_uri_is_accepted() -> None:
    assert accepts(REGISTERED, REGISTERED)
    assert accepts(WITH_QUERY, REGISTERED, WITH_QUERY)


@pytest.mark.parametrize("uri", VARIANTS)
def test_a1_any_other_spelling_is_refused(uri: str) -> None:
    assert len(VARIANTS) >= 60
    assert not accepts(uri, REGISTERED)


def test_a1_what_is_refused_is_told_to_the_operator_and_to_nobody_else() -> None:
    with pytest.raises(BadRedirectUri) as caught:
        verify_redirect_uri(client(REGISTERED), "https://evil.test/<script>\u202e" + "x" * 999)
    assert "evil" not in caught.value.public
    assert "https://evil.test/<script>\\u202exxx" in caught.value.detail
    assert len(caught.value.detail) < 400
    assert caught.value.nearest == REGISTERED


@given(st.text())
@example(REGISTERED)
def test_a1_nothing_but_the_same_bytes_is_ever_accepted(uri: str) -> None:
    assert accepts(uri, REGISTERED) == (uri == REGISTERED)


@given(
    st.integers(min_value=0, max_value=len(REGISTERED)),
    st.integers(min_value=0, max_value=3),
    st.text(max_size=3),
)
def test_a1_no_small_edit_is_accepted(place: int, removed: int, added: str) -> None:
    uri = REGISTERED[:place] + added + REGISTERED[place + removed :]
    assert accepts(uri, REGISTERED) == (uri == REGISTERED)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
@pytest.mark.parametrize("port", ["", ":1", ":80", ":51004", ":65535"])
@pytest.mark.parametrize("registered_port", ["", ":3000"])
def test_a4_a_loopback_address_is_good_on_any_port(host: str, port: str, registered_port: str) -> None:
    assert accepts(f"http://{host}{port}/cb", f"http://{host}{registered_port}/cb")
    assert accepts(f"http://{host}{port}/cb?a=1", f"http://{host}{registered_port}/cb?a=1")
    assert accepts(f"http://{host}{port}", f"http://{host}{registered_port}")


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1.evil.test/cb",
        "http://127.0.0.1:80@evil.test/cb",
        "http://127.0.0.1@evil.test/cb",
        "http://evil.test@127.0.0.1/cb",
        "http://localhost:1/cb",
        "http://127.1/cb",
        "http://127.0.0.2/cb",
        "http://0.0.0.0/cb",
        "http://2130706433/cb",
        "http://0x7f.0.0.1/cb",
        "http://[::1]:1/cb",
        "http://[0:0:0:0:0:0:0:1]/cb",
        "http://[::ffff:127.0.0.1]/cb",
        "https://127.0.0.1:51004/cb",
        "HTTP://127.0.0.1:51004/cb",
        "http://127.0.0.1:0/cb",
        "http://127.0.0.1:080/cb",
        "http://127.0.0.1:65536/cb",
        "http://127.0.0.1:99999/cb",
        "http://127.0.0.1:123456/cb",
        "http://127.0.0.1:/cb",
        "http://127.0.0.1:-1/cb",
        "http://127.0.0.1:+1/cb",
        "http://127.0.0.1: 80/cb",
        "http://127.0.0.1:80\n/cb",
        "http://127.0.0.1:\uff18\uff10/cb",
        "http://127.0.0.1:\u0668\u0660/cb",
        "http://127.0.0.1:51004/cb/",
        "http://127.0.0.1:51004/CB",
        "http://127.0.0.1:51004/cb?x=1",
        "http://127.0.0.1:51004/cb#x",
        "http://127.0.0.1:51004/../cb",
        "http://127.0.0.1:51004/%63b",
        "http://127.0.0.1:51004",
        "http://127.0.0.1:51004\\cb",
    ],
)
def test_a4_the_loopback_rule_bends_nothing_but_the_port(uri: str) -> None:
    assert not accepts(uri, "http://127.0.0.1/cb")


def test_a4_only_a_registered_loopback_literal_opens_the_port() -> None:
    assert not accepts("http://127.0.0.1:5/cb", REGISTERED)
    assert not accepts("http://localhost:5/cb", "http://localhost/cb")
    assert not accepts("http://127.0.0.1:5/cb", "http://localhost/cb", "http://[::1]/cb")


@given(st.from_regex(r"http://(127\.0\.0\.1|\[::1\]|localhost)(:\d{0,6})?(/cb)?[^/]?", fullmatch=True) | st.text())
def test_a4_whatever_is_accepted_differs_in_the_port_alone(uri: str) -> None:
    if accepts(uri, "http://127.0.0.1/cb"):
        port = uri.removeprefix("http://127.0.0.1").removesuffix("/cb")
        assert port == "" or (port[1:].isascii() and port == f":{int(port[1:])}" and 0 < int(port[1:]) < 65536)


@pytest.mark.parametrize(
    ("uris", "method", "exposed"),
    [
        (("https://a.test/cb",), AuthMethod.NONE, False),
        (("https://localhost:3000/cb",), AuthMethod.NONE, False),
        (("https://app.test/http://localhost/",), AuthMethod.NONE, False),
        (("http://localhost:3000/cb",), AuthMethod.NONE, True),
        (("http://localhost/cb?a=1",), AuthMethod.NONE, True),
        (("http://app.localhost:3000/cb",), AuthMethod.NONE, True),
        (("http://localhost:3000/cb",), AuthMethod.BASIC, False),
        (("https://a.test/cb", "http://localhost/cb"), AuthMethod.NONE, True),
        (("com.example.app:/cb",), AuthMethod.NONE, True),
        (("https://a.test/cb", "com.example.app:/cb"), AuthMethod.NONE, True),
        (("http://127.0.0.1/cb",), AuthMethod.NONE, True),
        (("http://[::1]/cb",), AuthMethod.NONE, True),
        (("http://127.0.0.1/cb",), AuthMethod.BASIC, False),
    ],
)
def test_a16_a24_a_client_whose_answers_another_app_could_take_is_known(
    uris: tuple[str, ...], method: AuthMethod, exposed: bool
) -> None:
    assert client(*uris, method=method).native is exposed


ANYWHERE = Client("demo", {"en": "D"}, (), loopback_redirects=True)


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1/cb",
        "http://127.0.0.1:3000/api/auth/callback/example-id",
        "http://localhost:5173",
        "http://localhost:8080/login/oauth2/code/id?x=1",
        "http://[::1]:1/",
    ],
)
def test_a26_the_demos_client_may_be_anywhere_on_this_machine_and_no_other_client(uri: str) -> None:
    assert verify_redirect_uri(ANYWHERE, uri) == uri
    with pytest.raises(BadRedirectUri):
        verify_redirect_uri(Client("shop", {"en": "S"}, ("https://a.test/cb",)), uri)


@pytest.mark.parametrize(
    "uri",
    [
        "https://localhost/cb",
        "http://localhost.evil.test/cb",
        "http://evil.test/cb",
        "http://127.0.0.1@evil.test/cb",
        "http://127.0.0.1:80@evil.test/cb",
        "http://127.0.0.2/cb",
        "http://10.0.0.1/cb",
        "http://app.localhost/cb",
        "http://127.0.0.1.evil.test/",
        "http://127.0.0.1:3000/a/../b",
        "http://127.0.0.1:3000/cb#x",
        "http://127.0.0.1:99999/cb",
        "http://127.0.0.1\\evil.test/",
        "http://LOCALHOST/cb",
        "com.example.app:/cb",
        "javascript:alert(1)",
        "",
    ],
)
def test_a26_the_demos_client_is_nowhere_else(uri: str) -> None:
    with pytest.raises(BadRedirectUri):
        verify_redirect_uri(ANYWHERE, uri)
