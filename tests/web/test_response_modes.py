"""However an answer travels, it has a link or a page, and by a tap it arrives as it does at once."""

from __future__ import annotations

import pytest

from broker.core.terms import ResponseMode
from broker.web.pages.response_modes import DELIVERIES
from broker.web.pages.views import FormPostView, ReturnView
from tests.web.page_samples import make_client

SENT = {"code": "c", "state": "a &b"}


def test_every_response_mode_has_a_way_to_travel() -> None:
    assert set(DELIVERIES) == set(ResponseMode)


@pytest.mark.parametrize("pause", [False, True])
@pytest.mark.parametrize("mode", ResponseMode)
def test_an_answer_travels_whole_by_each_mode(mode: ResponseMode, *, pause: bool) -> None:
    delivery = DELIVERIES[mode]
    match delivery.page("https://app.test/cb?x=1", SENT, make_client(), pause):
        case ReturnView(href, _, paused):
            assert href == delivery.link("https://app.test/cb?x=1", SENT)
            assert href == "https://app.test/cb?x=1&code=c&state=a+%26b"
        case FormPostView(action, fields, _, paused):
            assert (action, fields) == ("https://app.test/cb?x=1", SENT)
            assert delivery.link("https://app.test/cb?x=1", SENT) == "", "what is posted has no link"
        case other:
            pytest.fail(f"a page nobody knows: {other}")
    assert paused is pause
