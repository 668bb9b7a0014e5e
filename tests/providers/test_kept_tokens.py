"""Every type whose tokens can be kept for apps, at its emulator: they come, are renewed, and end."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import ValidationError

from broker.core.errors import UpstreamDenied, UpstreamUnavailable
from broker.core.upstream_tokens import UpstreamTokens
from broker.demo.people import ADA
from broker.registry import provider_types
from broker.upstream.abilities import KeepsTokens, abilities_of
from broker.upstream.tokens import TokenSettings
from tests.providers.test_credentials_tried import move_out
from tests.providers.test_emulated import WAYS, World, begun_now, world

pytestmark = pytest.mark.anyio
MORE = {"oidc": ["offline_access"], "microsoft": ["offline_access"], "sber": ["offline_access"]}
KINDS = sorted({kind for kind, _ in WAYS.values()})
KEEPING = [
    kind
    for kind, made in provider_types(KINDS).items()
    # Slack's people are known by more than `sub`, and its tokens would be by `sub` alone.
    if issubclass(made.Settings, TokenSettings) and kind != "slack"
]
# An OAuth app's token at GitHub does not end, and nothing comes to renew it.
RENEWED = [kind for kind in KEEPING if kind != "github"]


def keeping(at: World) -> KeepsTokens:
    keeps = abilities_of(at.provider).keeps
    assert keeps is not None
    return keeps


async def kept(at: World) -> tuple[str, UpstreamTokens]:
    """Who signed in for an app that may have tokens, and what that left."""
    found = await at.log_in(ADA, replace(begun_now(), keeps_tokens=True))
    assert found.tokens is not None
    return found.subject, found.tokens


@pytest.mark.parametrize("kind", RENEWED)
async def test_tokens_come_with_the_login_and_are_renewed(kind: str) -> None:
    async with world(kind, keep_tokens=True, token_scopes=MORE.get(kind, [])) as at:
        subject, first = await kept(at)
        again = await keeping(at).renew(subject, first)
    assert first.refresh_token
    assert again.refresh_token
    assert again.access_token
    assert first.expires_at is not None


@pytest.mark.parametrize("kind", RENEWED)
async def test_an_upstream_that_knows_the_refresh_token_no_more_says_so(kind: str) -> None:
    async with world(kind, keep_tokens=True, token_scopes=MORE.get(kind, [])) as at:
        subject, first = await kept(at)
        at.emulator.forget()
        with pytest.raises(UpstreamDenied):
            await keeping(at).renew(subject, first)


@pytest.mark.parametrize("kind", RENEWED)
async def test_a_secret_of_ours_that_is_wrong_ends_nobodys_tokens(kind: str) -> None:
    async with world(kind, keep_tokens=True, token_scopes=MORE.get(kind, [])) as at:
        subject, first = await kept(at)
        move_out(at)
        with pytest.raises(UpstreamUnavailable):
            await keeping(at).renew(subject, first)


def test_tokens_of_people_who_are_known_by_more_than_sub_are_not_kept() -> None:
    settings = {"type": "slack", "client_id": "c", "client_secret": "s" * 32, "keep_tokens": True}
    with pytest.raises(ValidationError, match="leave subject_within out"):
        provider_types(["slack"])["slack"].Settings.model_validate(settings)


async def test_github_gives_tokens_that_do_not_end_and_names_their_scopes_by_commas() -> None:
    async with world("github", keep_tokens=True, token_scopes=["gist"]) as at:
        _, tokens = await kept(at)
        assert await keeping(at).give_back(tokens) is False, "there is no such place by the standard"
    assert (tokens.refresh_token, tokens.expires_at) == ("", None)
    assert tokens.scope == ("read:user", "user:email", "gist")


async def test_tokens_of_tid_are_given_back() -> None:
    async with world("tid", keep_tokens=True) as at:
        subject, tokens = await kept(at)
        assert await keeping(at).give_back(tokens) is True
        with pytest.raises(UpstreamDenied):
            await keeping(at).renew(subject, tokens)
