"""What `type: x` can be told, what it refuses to be told, and what X hears of an app's wishes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from pydantic import ValidationError

from broker.core.errors import UpstreamRejected
from broker.core.records import Wishes
from broker.demo.people import ADA
from broker.upstream.model import Redirect
from providers.x import XSettings
from tests.providers.test_emulated import begun_now, world

pytestmark = pytest.mark.anyio
GIVEN = {"type": "x", "client_id": "c", "client_secret": "s"}
NATIVE = "com.example.app:/x"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"accept_posted": ["access_token"]}, "mode oauth1 takes access_token"),
        ({"accept_posted": ["code"]}, "with native_redirect_uri"),
        (
            {"mode": "oauth1", "accept_posted": ["code"], "native_redirect_uri": NATIVE},
            "mode oauth1 takes access_token",
        ),
        ({"accept_posted": ["id_token"]}, "names a kind"),
        ({"mode": "oauth1", "keep_tokens": True}, "keep_tokens needs mode oauth2"),
    ],
)
def test_what_cannot_be_proved_or_kept_stops_the_start(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        XSettings.model_validate({**GIVEN, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"accept_posted": ["code"], "native_redirect_uri": NATIVE},
        {"mode": "oauth1", "accept_posted": ["access_token"]},
        {"keep_tokens": True, "token_scopes": ["tweet.write"]},
    ],
)
def test_what_can_be_proved_is_taken(changes: dict[str, Any]) -> None:
    assert XSettings.model_validate({**GIVEN, **changes})


async def asked(way: str, **wishes: Any) -> dict[str, str]:
    """The query that the browser is sent away with."""
    async with world(way) as at:
        step = await at.provider.begin(replace(begun_now(), **wishes))
    assert isinstance(step, Redirect)
    return dict(parse_qsl(urlsplit(step.url).query))


async def test_a_refresh_token_is_asked_for_where_an_app_may_have_it() -> None:
    assert "offline.access" not in (await asked("x"))["scope"]
    assert (await asked("x", keeps_tokens=True))["scope"].split()[-1] == "offline.access"


async def test_by_signed_calls_a_fresh_login_is_forced_where_it_was_wished_for() -> None:
    assert "force_login" not in await asked("x by signed calls")
    assert (await asked("x by signed calls", wishes=Wishes(prompt=("login",))))["force_login"] == "true"


async def test_only_what_the_plan_refuses_is_asked_by_the_newer_call() -> None:
    async with world("x by signed calls") as at:
        for fault, calls in (("only_v2", 1), ("unauthorized", 0)):
            at.emulator.control.clear()
            at.emulator.faults.switch(fault, on=True, times=1)
            if fault == "only_v2":
                assert (await at.log_in(ADA, begun_now())).subject == at.emulator.subject(ADA)
            else:
                with pytest.raises(UpstreamRejected, match="error 89"):
                    await at.log_in(ADA, begun_now())
            assert [seen["path"] for seen in at.emulator.control.seen].count("/2/users/me") == calls
