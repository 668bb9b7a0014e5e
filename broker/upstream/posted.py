"""Credentials that an app posts, because a vendor's kit on the phone or in the page gave them to it, not to a callback.

Whoever holds such a credential may have got it for another app (threats M1), so a provider accepts only kinds for which
it can prove the opposite.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final, Protocol, Self, runtime_checkable

from broker.core.errors import UpstreamInvalid
from broker.core.people.identity import Identity
from broker.core.terms import PostedKind
from broker.upstream.abilities import SignedIdentity
from broker.upstream.fields import Fields
from broker.upstream.model import ConfidentialSettings, Flow, ProviderSettings
from broker.upstream.oauth2 import OAuth2Provider

_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,4096}")
_REMEMBERED: Final = 86400  # seconds for which an access token of unknown age counts once
_CODE_LIFE: Final = 600  # seconds that a code may live (RFC 6749 section 4.1.2)


@dataclass(frozen=True, slots=True)
class Posted:
    """A credential as it came; nothing in it is verified.

    `token` is the credential, `secret` what belongs to it where a vendor gives two (a session secret, the secret of an
    OAuth 1.0a token), `device_id` what VK's kit adds to a code. `flow` is the challenge that the app took before: its
    `nonce`, `code_verifier` and `state` are what the vendor's kit was given, `redirect_uri` what the app says the code
    was for, and `started_at` is when. Without a challenge they are "" and `started_at` is 0. `unasked`: the operator
    takes it without one, if it was made after `started_at`.
    """

    kind: PostedKind
    token: str = field(repr=False)
    flow: Flow
    secret: str = field(default="", repr=False)
    device_id: str = ""
    unasked: bool = False

    @classmethod
    def unchallenged(cls, kind: PostedKind, token: str) -> Self:
        """One that came by itself, without a challenge."""
        flow = Flow(state="", nonce="", code_verifier="", redirect_uri="", callback_with_state="", started_at=0)
        return cls(kind, token, flow)


@runtime_checkable
class AcceptsPosted(Protocol):
    """A provider that can prove of posted credentials that they were issued to this application.

    `posted` are the kinds it can prove; which of them it accepts, the operator says (`accept_posted`). `challenged` are
    those that carry a nonce or a verifier of ours, and that are refused without.
    """

    posted: ClassVar[frozenset[PostedKind]]
    challenged: ClassVar[frozenset[PostedKind]]

    async def verify_posted(self, posted: Posted) -> SignedIdentity:
        """Whose it is, and the part of it that may be used once until it expires.

        The audience is checked first, then age, then the profile is fetched with the same token and must be of the same
        person. Raises UpstreamInvalid for whatever is not proven, UpstreamRejected where the upstream refuses it,
        UpstreamUnavailable where nothing is known.
        """


def bearer(text: str) -> str:
    """A posted token, or its secret, as it may be sent on; raises UpstreamInvalid."""
    if _TOKEN.fullmatch(text) is None:
        raise UpstreamInvalid("the posted token or secret is missing, too long, or not of visible ASCII characters")
    return text


def remembered(identity: Identity, token: str, now: float) -> SignedIdentity:
    """Whose token it is, where nothing says when it was issued: it counts once in a day. `now` in epoch seconds."""
    return SignedIdentity(identity, token, int(now) + _REMEMBERED)


class AudibleTokenSettings(ConfidentialSettings):
    """Settings of an upstream that tells of an access token to which application it was issued."""

    posted = frozenset({PostedKind.ACCESS_TOKEN})


class AudibleTokenProvider(OAuth2Provider):
    """A type that knows access tokens of this application from those of others, wherever they come from.

    Its calls name our application, or are signed for it, or `owner_of` asks; whatever else an app sends beside the
    token is not read.
    """

    posted: ClassVar[frozenset[PostedKind]] = AudibleTokenSettings.posted
    challenged: ClassVar[frozenset[PostedKind]] = frozenset()

    async def verify_posted(self, posted: Posted) -> SignedIdentity:
        """Whose token it is. No call says when it was issued, so it is remembered for a day."""
        owner = await self.owner_of(bearer(posted.token))
        identity = await self.identity_by(posted)
        if owner not in {"", identity.subject}:
            raise UpstreamInvalid("the profile is of somebody else than the upstream says the posted token is")
        return remembered(identity, posted.token, self.tools.now())

    async def owner_of(self, token: str) -> str:
        """Whose token it is, asked before anything else where the upstream has a call that names the application, too.

        "" where it does not say, or where `identity_by` alone proves it. Raises UpstreamInvalid for another
        application's token, UpstreamRejected where the upstream refuses it.
        """
        return ""

    async def identity_by(self, posted: Posted) -> Identity:
        """Who the token speaks of, once `owner_of` has passed: by default as after a login in a browser."""
        return await self.identity(posted.flow, Fields({"access_token": posted.token}, "posted"))


class PostedCodeSettings(ProviderSettings):
    """Settings of an upstream whose kit ends in a code that we redeem."""

    posted = frozenset({PostedKind.CODE})


class PostedCodeProvider(OAuth2Provider):
    """A type whose kit takes a challenge and a state of ours and gives the app a code, as the web flow gives us one."""

    posted: ClassVar[frozenset[PostedKind]] = PostedCodeSettings.posted
    challenged: ClassVar[frozenset[PostedKind]] = posted

    @property
    @abstractmethod
    def native_redirect_uri(self) -> str:
        """The redirect URI of the kit's codes, by which those of our own pages are no use here."""

    async def verify_posted(self, posted: Posted) -> SignedIdentity:
        """Whose code it is: the upstream gives tokens to our application alone, and for our verifier alone."""
        flow = replace(posted.flow, redirect_uri=self.native_redirect_uri)
        params = {"code": posted.token, "device_id": posted.device_id}
        identity = await self.identity(flow, await self.exchange(flow, params))
        return SignedIdentity(identity, posted.token, int(self.tools.now()) + _CODE_LIFE)
