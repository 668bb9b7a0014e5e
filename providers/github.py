"""GitHub: OAuth 2.0, and a list of addresses that says which one is proved; github.com and servers of one's own.

Endpoints, fields: docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps and
docs.github.com/en/rest (users/emails, apps/oauth-applications); read 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from broker import upstream as sdk

_PUBLIC = "https://github.com"
_ACCEPT = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
_PAGES, _ON_A_PAGE = 5, 100


class GitHubSettings(sdk.AudibleTokenSettings, sdk.TokenSettings):
    """An OAuth app of a person's or an organization's developer settings."""

    scopes: tuple[str, ...] = Field(
        default=("read:user", "user:email"), description="`user:email` tells the address; [] for a GitHub App"
    )
    base_url: sdk.Origin = Field(default=_PUBLIC, description="Your own server's: https://host, https://NAME.ghe.com")
    api_url: sdk.Address | None = Field(default=None, description="Where its REST API is, if not where GitHub has it")
    trust_ghes_email: bool = Field(
        default=False, description="With a `base_url` of your own: its addresses count as verified where it says so"
    )

    @property
    def api(self) -> str:
        """Where the REST API is, without a slash at the end."""
        of_github = self.base_url == _PUBLIC or self.base_url.endswith(".ghe.com")
        derived = self.base_url.replace("://", "://api.") if of_github else f"{self.base_url}/api/v3"
        return (self.api_url or derived).removesuffix("/")

    @property
    def issuer(self) -> str:
        """What GitHub calls itself in replies."""
        return f"{self.base_url}/login/oauth"

    def identity_namespace(self) -> str:
        """Every server numbers its people independently."""
        elsewhere = f"github:{self.base_url}:{self.client_id}"
        return super().identity_namespace() if self.namespace or self.base_url == _PUBLIC else elsewhere


class GitHub(sdk.AudibleTokenProvider):
    """The key of a person is the number `id`; a login name is given to somebody else once it is free (threats C15)."""

    Settings: ClassVar[type[sdk.ProviderSettings]] = GitHubSettings
    title: ClassVar[Mapping[str, str]] = {"ru": "GitHub", "en": "GitHub"}
    label: ClassVar[Mapping[str, str]] = {"ru": "Войти через GitHub", "en": "Sign in with GitHub"}
    brand = sdk.Brand(sdk.Shade("#24292f", "#ffffff", glyph=sdk.Glyph.DARK), sdk.Shade("#ffffff", "#24292f"))
    answered_separator = ","  # quirk(github): scopes are asked for with spaces and told with commas (read 2026-11)
    grant_refused = frozenset({"bad_verification_code", "bad_refresh_token"})
    client_refused = frozenset({"incorrect_client_credentials", "not_found"})

    def __init__(self, settings: Any, tools: sdk.Tools) -> None:
        super().__init__(settings, tools)
        # quirk(github): replies have `iss` since August 2026, not all of them and not everywhere (read 2026-11)
        self.issuers = (settings.issuer,)

    async def metadata(self) -> sdk.Metadata:
        """Written down here: what GitHub publishes is for other software, and wrong on servers of one's own."""
        return sdk.Metadata(f"{self.settings.issuer}/authorize", f"{self.settings.issuer}/access_token")

    def authorize_params(self, flow: sdk.Flow) -> dict[str, str]:
        """The account picker is the most that can be asked for; there is no nonce, and no fresh login."""
        more = {"login": flow.wishes.login_hint, "prompt": "select_account" if flow.wishes.prompt else ""}
        return super().authorize_params(flow) | {name: text for name, text in more.items() if text}

    async def owner_of(self, token: str) -> str:
        """quirk(github): only this call says whose app a token is of; 404 for another's (vendor docs read 2026-11)."""
        ours = (self.settings.client_id, self.settings.client_secret.get_secret_value())
        url = f"{self.settings.api}/applications/{ours[0]}/token"
        found = await self.http.post_json(url, {"access_token": token}, basic=ours, headers=_ACCEPT)
        if found.sub("app").text("client_id") != ours[0]:
            raise sdk.UpstreamInvalid("token check: the token was issued to another app")
        scopes = found.raw("scopes") if isinstance(found.raw("scopes"), list) else []
        if "user:email" in self.settings.scopes and "user:email" not in scopes and "user" not in scopes:
            raise sdk.UpstreamInvalid("token check: the token may not read the address; ask for user:email")
        return found.sub("user").decimal_id("id")

    async def identity(self, flow: sdk.Flow, tokens: sdk.Fields) -> sdk.Identity:
        """The person of the token, with the one address that is the primary one."""
        headers = {**_ACCEPT, "Authorization": f"Bearer {tokens.text('access_token')}"}
        user = await self.http.get_json(f"{self.settings.api}/user", headers=headers)
        number, login = user.decimal_id("id"), user.shown("login")
        known = sdk.person(user.shown("name") or login, None, None, username=login, picture=user.shown("avatar_url"))
        pages = {"profile": sdk.https_url(user.shown("html_url")), "website": sdk.https_url(user.shown("blog"))}
        # quirk(github): the address in `/user` is one to show, and need not be theirs; the list counts (read 2026-11)
        contact = self._contact(await self._primary(headers))
        return sdk.Identity(number, known | pages | contact, raw_ids={"github_id": number})

    async def _primary(self, headers: Mapping[str, str], page: int = 1) -> sdk.Fields:
        """The primary address, without members where a missing scope or an enterprise's policy keeps the list."""
        params = {"per_page": str(_ON_A_PAGE), "page": str(page)}
        try:
            listed = await self.http.get_value(f"{self.settings.api}/user/emails", params=params, headers=headers)
        except sdk.UpstreamRejected as error:
            if error.answered not in {403, 404}:
                raise
            listed = []
        if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
            raise sdk.UpstreamInvalid("/user/emails: not a list of objects")
        found = next((one for one in listed if one.get("primary") is True), None)
        if found is None and len(listed) == _ON_A_PAGE and page < _PAGES:
            return await self._primary(headers, page + 1)
        return sdk.Fields(found or {}, "/user/emails", self.tools.odd)

    def _contact(self, primary: sdk.Fields) -> dict[str, object]:
        """Verified by GitHub's word on github.com; a server of one's own may send no mail at all."""
        # quirk(github): mail to these reaches nobody, and the older form goes on with the login name (read 2026-11)
        email = None if "@users.noreply." in (primary.shown("email") or "") else primary.shown("email")
        believed = self.settings.base_url == _PUBLIC or self.settings.trust_ghes_email
        return sdk.contact(email=email, email_verified=believed and primary.flag("verified") is True)
