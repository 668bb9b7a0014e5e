"""What every provider must do, whatever its upstream does. A test module inherits the rules and gives them a `case`.

    CASES = load_cases("acme", Path(__file__).parent)  # acme.json beside the test

    @pytest.mark.anyio
    @pytest.mark.parametrize("case", CASES, ids=str)
    class TestAcme(ProviderRules):
        pass

Rows B, C, E and I of the threat catalogue, as far as a provider alone is concerned; what the broker does around it
(browser binding, single use, replay) is tested over the whole broker.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from jwt import encode

from broker.core.errors import UpstreamDenied, UpstreamError, UpstreamInvalid, UpstreamUnavailable
from broker.core.events import Event
from broker.testing.bench import FLOW, NOW, STATE, VERIFIER, Bench, Case, load_cases, signing_key
from broker.testing.hostile import meet_all, shapes
from broker.testing.raw_server import Answer, answer_of, json_of
from broker.upstream.model import Channel, Redirect, Reply, Widget

__all__ = ["ProviderRules", "calls_of", "load_cases", "refused"]

PLACEHOLDERS: tuple[Any, ...] = (
    *(None, "", " ", "None", "null", "undefined", "NaN", "0", "false", 0, False, True, [], {}, ["1"], {"id": "1"}),
    *("$absent", "9" * 300, "1\n2", "1 2", -1, 1.5, 1e3),
)
ODD: tuple[Any, ...] = (None, "", 7, 1.5, True, ["x"], {"x": "y"}, "x" * 3000)
NO_DECIMALS: tuple[Any, ...] = ("1e3", "0123", "-1", "+1", "１２", "12a", "0x1f", "1.0", 12.0)


async def refused(bench: Bench, reply: Reply | None = None) -> UpstreamError:
    """The failure that finishing ends with; it says nothing an upstream or stranger made up, and no secret."""
    with pytest.raises(UpstreamError) as caught:
        await bench.finish(reply)
    assert "canary" not in f"{caught.value!r} {caught.value.detail} {bench.notes.events}"
    assert "script" not in caught.value.detail
    return caught.value


def calls_of(bench: Bench) -> list[str]:
    """The paths asked for."""
    return [received.path for received in bench.server.received]


class ProviderRules:
    """Inherited once; `case` runs over every variant of every type."""

    async def test_a_good_reply_gives_exactly_the_expected_identity(self, case: Case) -> None:
        async with case.on_bench() as bench:
            identity = await bench.finish()
        expected = case.data["expected"]
        assert identity.subject == expected["subject"]
        assert dict(identity.claims) == expected["claims"]
        assert dict(identity.raw_ids) == expected["raw_ids"]
        assert list(identity.amr) == expected.get("amr", ["fed"])
        assert identity.auth_time is None

    async def test_people_are_described_as_the_tables_say(self, case: Case) -> None:
        for title, row in case.data["people"].items():
            async with case.with_changes(row["change"]).on_bench() as bench:
                identity = await bench.finish()
            found = {**identity.claims}, {**identity.raw_ids}
            for wanted, given in zip((row.get("claims", {}), row.get("raw_ids", {})), found, strict=True):
                assert {name: given.get(name) for name in wanted} == wanted, title

    async def test_begin_carries_state_and_callback_and_no_secret(self, case: Case) -> None:
        async with case.on_bench() as bench:
            step = await bench.provider.begin(FLOW)
            asked = await bench.begin()
            called = " ".join(f"{call.params} {call.headers}" for call in bench.server.received)
        assert isinstance(step, (Redirect, Widget))
        if case.begin:  # the callback is told in a call of ours, and what was answered stays in the attempt
            assert STATE in called
            assert step.memo == case.flow.memo
        else:
            assert asked.get("state") == STATE or asked.get("return_to", "").endswith(f"/{STATE}")
        assert asked.get("redirect_uri", FLOW.redirect_uri) == FLOW.redirect_uri
        assert "canary" not in step.url
        assert VERIFIER not in step.url
        assert step.url.startswith("https://")

    async def test_b7_the_challenge_goes_out_and_the_verifier_comes_with_the_code(self, case: Case) -> None:
        async with case.on_bench() as bench:
            asked = await bench.begin()
            await bench.finish()
            sent = [received.params for received in bench.server.received if "code" in received.params]
        if "code_challenge" not in asked:
            assert case.data.get("without_pkce"), (
                "only an upstream that knows no PKCE goes without, and its fixture says why"
            )
            return
        assert "without_pkce" not in case.data
        assert asked["code_challenge"] == FLOW.code_challenge
        assert asked["code_challenge_method"].upper() == "S256"
        assert [params["code_verifier"] for params in sent] == [VERIFIER]

    async def test_b11_oidc_sends_the_nonce_and_wants_it_back(self, case: Case) -> None:
        if not case.is_oidc:
            assert not any(scope == "openid" for scope in case.data["settings"].get("scopes", ()))
            return
        async with case.on_bench() as bench:
            assert (await bench.begin())["nonce"] == FLOW.nonce
        wrong: list[Any] = ["other", "", 5, FLOW.nonce.upper()]
        if not case.data.get("nonce_optional"):
            wrong.append(None)
        for nonce in wrong:
            async with case.with_changes({"id_token nonce": nonce}).on_bench() as bench:
                assert isinstance(await refused(bench), UpstreamInvalid)

    async def test_c20_a_reply_on_another_channel_is_refused_before_any_call(self, case: Case) -> None:
        async with case.on_bench() as bench:
            for channel in set(Channel) - bench.provider.channels:
                assert isinstance(await refused(bench, replace(case.reply(), via=channel)), UpstreamInvalid)
            assert calls_of(bench) == []

    async def test_b3_a_reply_of_another_attempt_is_refused_before_any_call(self, case: Case) -> None:
        if "state" not in case.data["reply"]["params"]:
            assert "return_to" in await _asked(case), "without an echoed state the path must carry it"
            return
        async with case.on_bench() as bench:
            assert isinstance(await refused(bench, case.reply(state="another")), UpstreamInvalid)
            assert calls_of(bench) == []

    async def test_b4_a_reply_that_names_another_issuer_is_refused_before_any_call(self, case: Case) -> None:
        async with case.on_bench() as bench:
            if not getattr(bench.provider, "issuers", ()):
                return
            for issuer in ("https://evil.example", "", "https://accounts.google.com/", "accounts.google.com"):
                assert isinstance(await refused(bench, case.reply(iss=issuer)), UpstreamInvalid)
            assert calls_of(bench) == []

    async def test_b16_a_code_that_comes_with_an_error_is_never_sent_anywhere(self, case: Case) -> None:
        async with case.on_bench() as bench:
            for error in ("access_denied", "server_error", "invalid_scope", "<script>alert(1)</script>", ""):
                failure = await refused(bench, case.reply(error=error, error_description="<script>canary</script>"))
                if error == "access_denied" and "code" in case.reply().params:
                    assert isinstance(failure, UpstreamDenied)
            assert calls_of(bench) == []

    async def test_a_reply_that_says_nothing_is_a_failure_without_any_call(self, case: Case) -> None:
        async with case.on_bench() as bench:
            for params in ({}, {"state": STATE}, {"state": STATE, "code": ""}, {"state": STATE, "access_token": ""}):
                await refused(bench, Reply(case.reply().via, params))
            assert calls_of(bench) == []

    async def test_b12_a_subject_that_might_merge_people_is_refused(self, case: Case) -> None:
        if "subject" not in case.data:
            return
        for value in PLACEHOLDERS:
            async with case.with_changes({case.data["subject"]: value}).on_bench() as bench:
                assert isinstance(await refused(bench), UpstreamInvalid), f"subject {value!r}"

    async def test_c16_ids_are_exact_and_have_one_spelling(self, case: Case) -> None:
        if case.data.get("subject_is") != "decimal":
            return
        where = [case.data["subject"], *([case.data["subject_again"]] if "subject_again" in case.data else [])]
        for number in (2**53 + 1, 2**53 + 2):
            async with case.with_changes({one: number for one in where}).on_bench() as bench:
                assert (await bench.finish()).subject == str(number)
        for value in NO_DECIMALS:
            async with case.with_changes({one: value for one in where}).on_bench() as bench:
                await refused(bench)

    async def test_b13_two_answers_about_two_people_are_refused(self, case: Case) -> None:
        if "subject_again" not in case.data:
            return
        async with case.with_changes({case.data["subject_again"]: "4242"}).on_bench() as bench:
            assert isinstance(await refused(bench), UpstreamInvalid)

    async def test_c14_a_person_who_changes_every_name_stays_the_same_person(self, case: Case) -> None:
        if "rename" not in case.data:
            return
        async with case.on_bench() as bench:
            before = await bench.finish()
        async with case.with_changes(case.data["rename"]).on_bench() as bench:
            after = await bench.finish()
        assert after.subject == before.subject
        assert after.claims != before.claims

    async def test_e_tokens_that_anybody_could_have_made_are_refused(self, case: Case) -> None:
        if not case.is_oidc:
            return
        good = case.id_token()
        changed = {"aud": "other", "iss": "https://evil.example", "exp": NOW - 3600, "iat": NOW + 3600, "azp": "other"}
        tokens = [case.id_token(**{name: value}) for name, value in changed.items()]
        tokens += [good[:-8] + "AAAAAAAA", good.rpartition(".")[0] + ".", f"{good}.{good}", "", "a.b.c"]
        tokens += [encode({"sub": "1"}, "k" * 64, algorithm="HS256"), encode({"sub": "1"}, "", algorithm="none")]
        tokens += [
            encode(case.filled(case.data["id_token"]), signing_key(), algorithm="RS512", headers={"kid": "bench"})
        ]
        for token in tokens:
            async with case.with_changes({f"answers {case.paths[0]} id_token": token}).on_bench() as bench:
                assert isinstance(await refused(bench), UpstreamInvalid)

    async def test_a_code_is_sent_once_whatever_comes_back(self, case: Case) -> None:
        for path in case.paths[:1]:  # in every fixture the call that brings the code comes first
            for answer in (json_of({}, "500 Oops"), json_of({}, "429 Slow"), json_of({"error": "invalid_grant"}), b""):
                async with case.on_bench() as bench:
                    bench.server.answers[path] = answer
                    await refused(bench)
                    assert calls_of(bench).count(path.partition("?")[0]) == 1

    async def test_i8_every_hostile_answer_is_a_clean_failure(self, case: Case) -> None:
        for path in case.paths:
            assert len(shapes(case.body(path))) >= 40
            await meet_all(case.body(path), partial(_finishes_cleanly, case, path))

    async def test_i8_every_hostile_answer_before_the_browser_leaves_is_a_clean_failure(self, case: Case) -> None:
        for path in case.begin:
            await meet_all(case.body(path), partial(_begins_cleanly, case, path))

    async def test_i6_an_upstream_that_hangs_costs_its_time_limit(self, case: Case) -> None:
        for path in case.paths:
            async with case.on_bench(timeout=0.1) as bench:
                bench.server.answers[path] = shapes(case.body(path))["silence"]
                assert isinstance(await refused(bench), UpstreamUnavailable)

    async def test_members_nobody_knows_do_no_harm(self, case: Case) -> None:
        for path in case.paths:
            answer = case.filled(case.data["answers"][path])
            if isinstance(answer, dict):
                more = {"new": {"a": [1, None, {"b": True}]}, "sub": "evil", "email_verified": True} | answer
                async with case.on_bench() as bench:
                    bench.server.answers[path] = answer_of(case.encoded(path, more))
                    assert (await bench.finish()).subject == case.data["expected"]["subject"]

    async def test_nobody_is_kept_out_by_something_odd_that_is_only_shown(self, case: Case) -> None:
        """Every member that a person may do without, in every odd form: the login goes on, as the same person."""
        async with case.on_bench() as bench:
            for member in case.members():
                if not await _is_known(bench, case.with_changes({member: "$absent"})):
                    continue
                for odd in ODD:
                    assert await _is_known(bench, case.with_changes({member: odd})), f"{member}: {odd!r:.40}"

    async def test_secrets_are_in_no_text_and_no_event(self, case: Case) -> None:
        async with case.on_bench() as bench:
            await bench.finish()
            seen = f"{bench.provider!r} {bench.settings!r} {bench.settings} {bench.notes.events}"
        assert "canary" not in seen
        assert "AAEXAMPLE" not in seen

    async def test_calls_are_noted_without_host_and_query(self, case: Case) -> None:
        async with case.on_bench() as bench:
            await bench.finish()
        for fields in bench.notes.of(Event.UPSTREAM_CALLED):
            assert fields["provider"] == "x"
            assert str(fields["operation"]).startswith("/")
            assert "?" not in str(fields["operation"])
            assert fields["outcome"] == "ok"


async def _finishes_cleanly(case: Case, path: str, title: str, answer: Answer, **settings: float) -> None:
    """A failure of the upstream, or what the fixture calls fine and makes the same person of."""
    async with case.on_bench(**settings) as bench:
        bench.server.answers[path] = answer
        fine = title in case.data.get("fine", {}).get(path, ())
        with nullcontext() if fine else pytest.raises(UpstreamError):
            identity = await bench.finish()
            assert fine, f"{path}: {title}: {identity}"
            assert identity.subject == case.data["expected"]["subject"]
        assert len(bench.notes.of(Event.UPSTREAM_CALLED)) >= 1


async def _begins_cleanly(case: Case, path: str, title: str, answer: Answer, **settings: float) -> None:
    """A failure of the upstream, or what the fixture calls fine."""
    async with case.on_bench(**settings) as bench:
        bench.server.answers[path] = answer
        fine = title in case.data.get("fine", {}).get(path, ())
        with nullcontext() if fine else pytest.raises(UpstreamError):
            await bench.begin()
            assert fine, f"{path}: {title}"


async def _is_known(bench: Bench, changed: Case) -> bool:
    """Whether the person of the fixture logs in by these answers."""
    bench.case = changed
    bench.server.answers.update({path: answer_of(changed.body(path)) for path in changed.paths})
    try:
        identity = await bench.finish()
    except UpstreamError:
        return False
    return bool(identity.subject == changed.data["expected"]["subject"])


async def _asked(case: Case) -> dict[str, str]:
    async with case.on_bench() as bench:
        asked: dict[str, str] = await bench.begin()
        return asked
