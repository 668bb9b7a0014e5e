"""Links of ours to a signed request name it, and send nothing twice."""

from __future__ import annotations

from broker.core.records import AuthorizationRequest
from broker.core.wire.parameters import parse_form
from broker.core.wire.query import encode_query
from broker.web.pages.frontend import link_params


def test_a_link_to_a_signed_request_is_its_name_and_not_the_object() -> None:
    named = AuthorizationRequest(
        "app", "https://app.test/cb", ("openid",), request_uri="urn:ietf:params:oauth:request_uri:x"
    )
    name = {"client_id": "app", "request_uri": named.request_uri}
    brought = parse_form(b"client_id=app&request=a.b.c&ui_locales=ru&idp_hint=vk")
    assert link_params(brought, named) == name
    assert link_params(brought, named, hinted=False) == {**name, "idp_hint": "-"}
    again = parse_form(encode_query({**name, "ui_locales": "ru", "idp_hint": "vk", "state": "x"}).encode())
    assert link_params(again, named) == {**name, "ui_locales": "ru", "idp_hint": "vk"}
