"""A double of an upstream that matters after the login, too."""

from __future__ import annotations

from dataclasses import replace

from broker.core.people.identity import Identity, UpstreamSession
from broker.upstream.abilities import Abilities, UpstreamLogout
from tests.services.upstreams import Upstream


class TalkingUpstream(Upstream):
    """Ends sessions, is told of their end, and is asked again."""

    def __init__(self) -> None:
        """Its session is `u-1`; a refresh token is not given."""
        super().__init__(None, None)
        self.session = UpstreamSession(sid="u-1", id_token="the-id-token")
        self.answer: Exception | None = None
        self.refreshed: list[str] = []
        self.silent = False

    def abilities(self) -> Abilities:
        """All, or none where it is `silent`."""
        return Abilities() if self.silent else Abilities(self, self, self)

    def speak_of(self, subject: str = "x1", *, sid: str = "u-1", refresh_token: str = "", nonce: str = "") -> None:
        """Vouch for somebody else from now on, or keep something else of the login."""
        self.session = replace(self.session, sid=sid, refresh_token=refresh_token, nonce=nonce)
        self.identity = Identity(subject, session=self.session)

    async def verify_logout(self, logout_token: str) -> UpstreamLogout:
        """`subject/sid/jti`, unless it is to fail."""
        if self.answer is not None:
            raise self.answer
        subject, sid, jti = logout_token.split("/")
        return UpstreamLogout(subject, sid, jti)

    async def end_session(self, *, id_token: str, return_to: str, state: str) -> str:
        """An address that shows what it was made of."""
        if self.answer is not None:
            raise self.answer
        return f"https://up.test/logout?{id_token}&{return_to}&{state}"

    async def refresh(self, subject: str, kept: UpstreamSession) -> UpstreamSession:
        """A newer token, unless it is to fail."""
        self.refreshed.append(f"{subject}:{kept.refresh_token}:{kept.nonce}:{kept.auth_time}")
        if self.answer is not None:
            raise self.answer
        return replace(kept, refresh_token=f"{kept.refresh_token}+")
