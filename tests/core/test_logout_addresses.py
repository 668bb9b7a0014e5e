"""Where apps may be told of a logout, and where browsers go after one."""

from __future__ import annotations

import pytest

from broker.core.clients.client import Client, LogoutPolicy
from broker.core.errors import BadRedirectUri
from broker.core.logout import build_frame_url, build_return_url, verify_post_logout_uri
from broker.core.wire.addresses import check_frame_uri, check_told_uri

REDIRECTS = ("https://app.test/cb", "http://localhost:8401/cb", "com.example.app:/cb")


@pytest.mark.parametrize("uri", ["https://app.test/out", "http://127.0.0.1:8401/out", "https://10.0.0.1/out?a=b"])
def test_an_app_may_be_told_at(uri: str) -> None:
    check_told_uri(uri)


@pytest.mark.parametrize(
    "uri",
    [
        *(
            "http://app.test/out",
            "com.example.app:/out",
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
        ),
        *(
            "https://app.test/out#x",
            "https://user@app.test/out",
            "https://app.test/../out",
            "//app.test/out",
            "out",
            "",
        ),
    ],
)
def test_a3_an_app_is_told_nowhere_else(uri: str) -> None:
    with pytest.raises(ValueError, match=r"needs|must|has|holds|is not"):
        check_told_uri(uri)


@pytest.mark.parametrize("uri", ["https://app.test/out", "http://localhost:8401/out?x=1"])
def test_a_frame_is_loaded_where_the_app_lives(uri: str) -> None:
    check_frame_uri(uri, REDIRECTS)


@pytest.mark.parametrize(
    "uri",
    ["https://other.test/out", "https://app.test:8443/out", "http://localhost:1/out", "com.example.app:/out"],
)
def test_g19_a_frame_is_loaded_nowhere_else(uri: str) -> None:
    with pytest.raises(ValueError, match="needs"):
        check_frame_uri(uri, REDIRECTS)


def test_no_policy_can_name_an_address_of_ipv6() -> None:
    with pytest.raises(ValueError, match="IPv6"):
        check_frame_uri("http://[::1]:8401/out", ["http://[::1]:8401/cb"])


def test_a4_the_port_of_a_post_logout_redirect_uri_is_not_free() -> None:
    uri = "http://127.0.0.1:8401/bye"
    client = Client("app", {}, REDIRECTS, logout=LogoutPolicy(post_logout_redirect_uris=(uri,)))
    assert verify_post_logout_uri(client, uri) == uri
    for other in ("http://127.0.0.1:8402/bye", "http://127.0.0.1/bye", REDIRECTS[0], ""):
        with pytest.raises(BadRedirectUri, match="not registered"):
            verify_post_logout_uri(client, other)


def test_a_query_of_the_apps_own_is_kept() -> None:
    assert build_return_url("https://app.test/bye?a=b", "x y") == "https://app.test/bye?a=b&state=x+y"
    assert build_return_url("https://app.test/bye", "") == "https://app.test/bye"
    assert build_frame_url("https://app.test/o?a=b", issuer="https://id.test", sid="s") == (
        "https://app.test/o?a=b&iss=https%3A%2F%2Fid.test&sid=s"
    )
