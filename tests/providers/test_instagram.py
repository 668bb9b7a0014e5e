"""Instagram: its own examples and quirks, which the shared rules cannot know."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import ValidationError

from broker.core.errors import UpstreamDenied, UpstreamInvalid
from broker.core.events import Event
from broker.core.records import Wishes
from broker.testing.bench import FLOW
from broker.testing.raw_server import json_of
from providers.instagram import InstagramSettings
from tests.providers.cases import load_cases

pytestmark = pytest.mark.anyio

AS_DOCUMENTED, AS_SEEN = load_cases("instagram")


async def test_instagram_is_asked_in_its_own_words() -> None:
    async with AS_DOCUMENTED.on_bench() as bench:
        asked = await bench.begin()
        assert (asked["scope"], asked["enable_fb_login"]) == ("instagram_business_basic", "1")
        assert not {"nonce", "code_challenge", "force_authentication"} & asked.keys()
        for prompt, sent in ((("login",), "1"), (("select_account",), "1"), (("consent",), None)):
            wishing = replace(FLOW, wishes=Wishes(prompt=prompt))
            assert (await bench.begin(wishing)).get("force_authentication") == sent
    async with AS_SEEN.on_bench() as bench:
        assert (await bench.begin())["enable_fb_login"] == "0"


async def test_a_code_of_instagram_loses_its_tail_and_nothing_else() -> None:
    for given, sent in (("AQ#_", "AQ"), ("AQ", "AQ"), ("A#_Q", "A#_Q"), ("AQ_", "AQ_"), ("AQ#_#_", "AQ#_")):
        async with AS_DOCUMENTED.on_bench() as bench:
            await bench.finish(AS_DOCUMENTED.reply(code=given))
            assert bench.server.received[0].params["code"] == sent
    async with AS_DOCUMENTED.on_bench() as bench:
        with pytest.raises(UpstreamInvalid):
            await bench.finish(AS_DOCUMENTED.reply(code="#_"))
        assert bench.server.received == []


@pytest.mark.parametrize("given", ["$absent", "", [], "instagram_business_manage_messages", [5], 7, {"x": 1}, "basic"])
async def test_instagram_without_the_needed_permission_signs_nobody_in(given: object) -> None:
    changed = AS_SEEN.with_changes({"answers /oauth/access_token permissions": given})
    async with changed.on_bench() as bench:
        with pytest.raises(UpstreamDenied):
            await bench.finish()
        assert len(bench.server.received) == 1


async def test_a_profile_of_instagram_may_come_in_a_list_and_a_token_response_as_well() -> None:
    async with AS_DOCUMENTED.on_bench() as bench:
        me = AS_DOCUMENTED.data["answers"]["/v25.0/me"]
        bench.server.answers["/v25.0/me"] = json_of({"data": [me]})
        assert (await bench.finish()).subject == "17841400000000001"
        for data in ([], [[me]], me, [None, me]):
            bench.server.answers["/v25.0/me"] = json_of({"data": data})
            with pytest.raises(UpstreamInvalid):
                await bench.finish()


async def test_the_person_is_whom_the_profile_names_whatever_the_token_response_says() -> None:
    for told, counted in (("24900000000000002", 0), (9007199254740993, 0), ("5", 1), (None, 1)):
        changed = AS_SEEN.with_changes({"answers /oauth/access_token user_id": told})
        async with changed.on_bench() as bench:
            assert (await bench.finish()).subject == "9007199254740993"
            assert len(bench.notes.of(Event.UPSTREAM_ODD_CLAIM)) == counted


def test_instagram_has_to_be_asked_for_who_it_is() -> None:
    given = {"type": "instagram", "client_id": "1", "client_secret": "s"}
    with pytest.raises(ValidationError, match="nobody is told who signed in"):
        InstagramSettings.model_validate({**given, "scopes": ["instagram_business_manage_messages"]})
    with pytest.raises(ValidationError, match="cannot prove"):
        InstagramSettings.model_validate({**given, "accept_posted": ["access_token"]})


@pytest.mark.parametrize("version", ["25.0", "v25", "../v25.0", "v25.0/x", ""])
def test_a_version_of_the_api_is_one(version: str) -> None:
    given = {"type": "instagram", "client_id": "1", "client_secret": "s", "version": version}
    with pytest.raises(ValidationError):
        InstagramSettings.model_validate(given)
