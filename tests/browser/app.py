"""An app of somebody's browser, without a server: what it is sent stays in the browser."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
from playwright.sync_api import Route

from tests.browser.person import Somebody


@dataclass(frozen=True, slots=True)
class App:
    """The sample app's entry, answered for in the browser of `person`."""

    person: Somebody
    client_id: str = "demo-app"

    @property
    def redirect_uri(self) -> str:
        """Where it is answered."""
        return f"{self.person.world.demo.sample}callback"

    def take_over(self) -> None:
        """From now on what would go to the sample app stays here."""

        def fulfil(route: Route) -> None:
            route.fulfill(body='<p id="at-the-app">the app</p>', content_type="text/html")

        self.person.page.route(f"{self.redirect_uri}**", fulfil)

    def told(self) -> dict[str, str]:
        """What the app is told, once it is reached."""
        self.person.page.wait_for_selector("#at-the-app")
        return dict(parse_qsl(urlsplit(self.person.page.url).query))

    def sign_in(self, provider: str) -> str:
        """The ID token of a login by this provider, which asks who they are."""
        asked = {"client_id": self.client_id, "redirect_uri": self.redirect_uri, "response_type": "code"}
        asked |= {"scope": "openid profile", "nonce": "n-1", "prompt": "login", "idp_hint": provider}
        page = self.person.page
        page.goto(f"{self.person.world.issuer}/authorize?{urlencode(asked)}")
        page.click(f"#person-{self.person.key}")
        page.wait_for_selector("#allow, #at-the-app")
        if page.locator("#allow").count():
            page.click("#allow")
        secret = self.person.world.demo.config.clients[self.client_id].secret
        assert secret is not None
        form = {"grant_type": "authorization_code", "code": self.told()["code"], "redirect_uri": self.redirect_uri}
        answer = httpx2.post(
            f"{self.person.world.issuer}/token",
            data=form,
            auth=(self.client_id, secret.get_secret_value()),
            trust_env=False,
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id_token"])

    def ask_to_add(self, provider: str, id_token: str, state: str) -> None:
        """Sends the person to add this way in, as far as our question."""
        asked = {"client_id": self.client_id, "redirect_uri": self.redirect_uri, "provider": provider}
        asked |= {"state": state, "id_token_hint": id_token}
        self.person.page.goto(f"{self.person.world.issuer}/link?{urlencode(asked)}")
        self.person.page.click(f"#person-{self.person.key}")
        self.person.at("#allow")
