"""Which redirect URIs may be registered at all: https, loopback, and private-use schemes with a dot."""

from __future__ import annotations

import pytest

from broker.core.wire.addresses import check_redirect_uri, is_loopback_host


@pytest.mark.parametrize(
    "uri",
    [
        "https://a.test",
        "https://a.test/",
        "https://a.test/cb",
        "https://a.test:8443/cb?x=1&y=2",
        "https://xn--80a.test/cb",
        "https://192.0.2.1/cb",
        "https://[2001:db8::1]:8443/cb",
        "https://my_service/cb",
        "http://localhost/cb",
        "http://localhost:3000/cb",
        "http://app.localhost:8401/cb",
        "http://127.0.0.1/cb",
        "http://127.0.0.1:8080/cb",
        "http://[::1]/cb",
        "http://[::1]:8080/cb",
        "com.example.app:/cb",
        "com.example.app://cb/x",
        "com.googleusercontent.apps.123-abc:/oauth2redirect",
        "https://a.test/a.b/.well-known/cb",
        "https://a.test/cb?next=../x",
    ],
)
def test_an_unambiguous_uri_may_be_registered(uri: str) -> None:
    check_redirect_uri(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "https://good.test@evil.test/",
        "https://a@b@evil.test/",
        "https://user:pw@a.test/cb",
        "https:\\\\evil.test",
        "https://a.test\\@evil.test/",
        "https://a.test/\\evil",
        "https://a.test/..;/x",
        "https://a.test/../x",
        "https://a.test/x/..",
        "https://a.test/./x",
        "https://a.test/x;y",
        "https://a.test/%2e%2e/x",
        "https://a.test/%2E/x",
        "https://a.test/a%2Fb",
        "https://a.test/a%5cb",
        "https://a.test/a%00",
        "https://a\t.test",
        "https://a.test/\n",
        "https://a.test/ x",
        "https://a.test/\x00",
        "https://a.test/\x7f",
        "https://a.test/é",
        "https://\uff41.test/",
        'https://a.test/"x',
        "https://a.test/<x>",
        "https://a.test/{x}",
        "https://a.test/`x",
        "https://a.test/|x",
        "https://a.test/^x",
        "https://a.test/cb#",
        "https://a.test/cb#x",
        "https://",
        "https:",
        "https:/a.test/cb",
        "https:a.test/cb",
        "https:///cb",
        "https://:443/cb",
        "https://?x",
        "https://a.test:/cb",
        "https://a.test:0/cb",
        "https://a.test:65536/cb",
        "https://a.test:1:2/cb",
        "https://a.test:x/cb",
        "https://a.test./cb",
        "https://.test/cb",
        "https://-a.test/cb",
        "https://a..test/cb",
        "https://A.test/cb",
        "https://[/cb",
        "https://[::1/cb",
        "https://[zz]/cb",
        "https://a%2etest/cb",
        "https://a,b/cb",
        "HTTPS://a.test/cb",
        "/cb",
        "//a.test/cb",
        "a.test/cb",
        "",
    ],
)
def test_a2_what_two_parsers_could_read_in_two_ways_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        check_redirect_uri(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:https://a.test/x",
        "about:blank",
        "ftp://a.test/",
        "ws://a.test/",
        "mailto:a@a.test",
        "myapp:",
        "myapp:/cb",
        "myapp://cb",
        "my-app+x:/cb",
        ".app:/cb",
        "app.:/cb",
        "a..b:/cb",
        "1a.b:/cb",
        "Com.example.app:/cb",
    ],
)
def test_a3_scripts_and_schemes_without_a_dot_are_refused(uri: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        check_redirect_uri(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "http://a.test/cb",
        "http://localhost.evil.test/cb",
        "http://127.0.0.1.evil.test/cb",
        "http://127.1/cb",
        "http://127.0.0.2/cb",
        "http://0.0.0.0/cb",
        "http://10.0.0.1/cb",
        "http://[::2]/cb",
        "http://notlocalhost/cb",
    ],
)
def test_a3_plain_http_is_for_this_machine_only(uri: str) -> None:
    with pytest.raises(ValueError, match="needs https"):
        check_redirect_uri(uri)


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("https://a.test/ x", "white space"),
        ("https://a.test/cb#x", "fragment"),
        ("/cb", "absolute URI"),
        ("https://a.test/../cb", "two ways"),
        ("https:/cb", "needs a host"),
        ("https://user@a.test/cb", "user information"),
        ("https://a%2etest/cb", "encoded host"),
        ("https://A.test/cb", "lower case"),
        ("https://a.test:0/cb", "port"),
        ("http://a.test/cb", "needs https"),
        ("myapp:/cb", "reverse-domain"),
    ],
)
def test_an_operator_is_told_what_to_change(uri: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        check_redirect_uri(uri)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("[::1]", True),
        ("localhost", True),
        ("id.localhost", True),
        ("::1", False),
        ("localhost.test", False),
        ("evillocalhost", False),
        ("", False),
    ],
)
def test_a_loopback_host_always_means_this_machine(host: str, loopback: bool) -> None:
    assert is_loopback_host(host) is loopback
