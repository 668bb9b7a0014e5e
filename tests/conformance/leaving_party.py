"""A relying party that logs people out (OIDC RP-Initiated Logout 1.0), and what it looks at afterwards."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from broker.demo.visitor import Page
from tests.conformance.openid_provider import HOME
from tests.conformance.relying_party import Login, RelyingParty

STATE: Final = "a state of its own"


class LeavingParty:
    """One that is logged in. `login` is what it got then."""

    def __init__(self, rp: RelyingParty, login: Login) -> None:
        """Use `enter`."""
        self.rp = rp
        self.login = login
        self.bye = f"{HOME}{rp.client.client_id}/bye"

    @classmethod
    async def enter(cls, rp: RelyingParty) -> LeavingParty:
        """Log somebody in, as every module begins."""
        return cls(rp, await rp.log_in())

    @property
    def hint(self) -> str:
        """The ID token, as text."""
        return str(self.login.tokens["id_token"])

    async def leave(self, **params: str) -> Page:
        """A link of the app leads to the end session endpoint."""
        endpoint = self.rp.op.metadata["end_session_endpoint"]
        return await self.rp.browser.get(f"{endpoint}?{urlencode(params)}" if params else endpoint, initiator=HOME)

    def check_back(self, page: Page, *, state: str | None) -> None:
        """The browser is at the registered URI, with the state as it was sent and nothing else."""
        assert page.status == 0, f"stuck at {page.url} with status {page.status}: {page.title}"
        assert page.url.partition("?")[0] == self.bye
        assert page.params == ({} if state is None else {"state": state})

    async def check_asked(self, page: Page) -> None:
        """The person is asked; on yes they are logged out and stay at the OP."""
        assert page.status == 200
        assert page.has("logout")
        answered = await self.rp.browser.click("logout")
        assert answered.status == 200, f"{answered.url} {answered.title}"
        assert answered.has("logged-out")
        assert answered.url.startswith(self.rp.op.issuer)

    async def check_gone(self) -> None:
        """Nobody is logged in any more, and what hung on the session gives nothing."""
        answer = await self.rp.refused({"prompt": "none"})
        assert answer.params["error"] == "login_required"
        status, _ = await self.rp.call_userinfo("GET", bearer=self.login.access_token)
        assert status == 401

    async def check_still_here(self) -> None:
        """The session is as it was."""
        await self.rp.authorize({"prompt": "none"})
