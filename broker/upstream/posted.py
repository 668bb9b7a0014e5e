"""Credentials that an app posts, because a vendor's kit on the phone or in the page gave them to it, not to a callback.

Whoever holds such a credential may have got it for another app (threats M1), so a provider accepts only kinds for which
it can prove the opposite.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Protocol, runtime_checkable

from broker.core.terms import PostedKind
from broker.upstream.abilities import SignedIdentity
from broker.upstream.model import Flow


@dataclass(frozen=True, slots=True)
class Posted:
    """A credential as it came; nothing in it is verified.

    `token` is the credential, `secret` what belongs to it where a vendor gives two (a session secret, the secret of an
    OAuth 1.0a token), `device_id` what VK's kit adds to a code. `flow` is the challenge that the app took before: its
    `nonce`, `code_verifier` and `state` are what the vendor's kit was given, `redirect_uri` what the app says the code
    was for, and `started_at` is when. Without a challenge they are "" and `started_at` is 0.
    """

    kind: PostedKind
    token: str = field(repr=False)
    flow: Flow
    secret: str = field(default="", repr=False)
    device_id: str = ""


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
