"""Access tokens as an app gets them from an upstream's kit, and what a provider makes of them when they are posted."""

from __future__ import annotations

from typing import Any

from broker.core.people.identity import Identity
from broker.core.terms import PostedKind
from broker.upstream.posted import Posted
from tests.providers.test_emulated import World


async def token_of_kit(at: World, app: str) -> str:
    """What the kit in this app has of Ada."""
    provider: Any = at.provider
    answer = await at.browser.post(f"{provider.settings.browser_base}/_emulator/kit", json={"app": app})
    found: str = answer.json()["access_token"]
    return found


async def verified(at: World, token: str) -> Identity:
    """Whom the provider takes the token for, as after a restart."""
    provider: Any = at.provider_again()
    identity: Identity = (await provider.verify_posted(Posted.unchallenged(PostedKind.ACCESS_TOKEN, token))).identity
    return identity
