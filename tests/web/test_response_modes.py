"""However an answer travels, it has a link or a page, and by a tap it arrives as it does at once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from starlette.responses import Response

from broker.core.authorize.target import VerifiedRedirect
from broker.core.clients.client import Client
from broker.core.records import AuthorizationRequest
from broker.core.terms import ResponseMode
from broker.web.pages.response_modes import DELIVERIES, on_the_way
from broker.web.pages.views import FormPostView, ReturnView, WebMessageView
from tests.web.page_samples import make_client

BACK, HREF = "https://app.test/cb?x=1", "https://app.test/cb?x=1&code=c&state=a+%26b"
CLIENT = Client("app", {}, (BACK,), origins=frozenset({"https://app.test"}))
SENT = {"code": "c", "state": "a &b"}


def test_every_response_mode_has_a_way_to_travel() -> None:
    assert set(DELIVERIES) == set(ResponseMode)


@pytest.mark.parametrize("pause", [False, True])
@pytest.mark.parametrize("mode", ResponseMode)
def test_an_answer_travels_whole_by_each_mode(mode: ResponseMode, *, pause: bool) -> None:
    delivery = DELIVERIES[mode]
    match delivery.page(target_by(mode), SENT, make_client(), pause):
        case ReturnView(href, _, paused):
            assert href == delivery.link(BACK, SENT) == HREF
            assert paused is pause
        case FormPostView(action, fields, _, paused):
            assert (action, fields) == (BACK, SENT)
            assert delivery.link(BACK, SENT) == "", "what is posted has no link"
            assert paused is pause
        case WebMessageView(origin, fields, href):
            assert (origin, fields) == ("https://app.test", SENT)
            assert href == delivery.link(BACK, SENT) == HREF, "where nobody waits it goes on as it would otherwise"
            assert not pause
        case other:
            pytest.fail(f"a page nobody knows: {other}")


@pytest.mark.parametrize("silent", [False, True])
def test_g4_only_an_answer_that_asked_nobody_may_be_framed(*, silent: bool) -> None:
    target = replace(target_by(ResponseMode.WEB_MESSAGE), silent=silent)
    view = DELIVERIES[ResponseMode.WEB_MESSAGE].page(target, SENT, make_client(), False)
    assert isinstance(view, WebMessageView)
    assert view.framed is silent


@pytest.mark.parametrize("mode", ResponseMode)
def test_g12_only_a_login_that_is_answered_by_a_message_keeps_hold_of_who_opened_it(mode: ResponseMode) -> None:
    request = AuthorizationRequest("app", BACK, ("openid",), response_mode=mode)
    for wanted, keeps in ((request, True), (target_by(mode), True), (None, False)):
        shown = on_the_way(Response(headers={"cross-origin-opener-policy": "same-origin"}), wanted)
        kept = shown.headers["cross-origin-opener-policy"] == "unsafe-none"
        assert kept is (keeps and mode is ResponseMode.WEB_MESSAGE)


def target_by(mode: ResponseMode) -> VerifiedRedirect:
    return VerifiedRedirect.of(AuthorizationRequest("app", BACK, ("openid",), response_mode=mode), CLIENT)
