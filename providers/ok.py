"""Odnoklassniki: OAuth 2.0 without PKCE, and API calls signed with MD5.

Endpoints, signature, errors: apiok.ru/en/ext/oauth/server, /client and apiok.ru/en/dev/methods (read 2026-11).
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import md5
from typing import ClassVar, Literal

from pydantic import Field

from broker import upstream as sdk

_PICTURES = ("pic_full", "pic640x480", "pic190x190", "pic_2")
_FIELDS = ("uid", "name", "first_name", "last_name", "email", "gender", "birthday", "locale", "location", *_PICTURES)


class OKSettings(sdk.AudibleTokenSettings):
    """An external app with OAuth; its three keys come by e-mail."""

    public_key: str = Field(min_length=1, description="The application public key, CB…")
    scopes: tuple[str, ...] = Field(default=("VALUABLE_ACCESS",), description="`GET_EMAIL` where OK support allowed it")
    mode: Literal["server", "client"] = Field(
        default="server", description="client (experimental): the token comes in the fragment; where nothing else works"
    )


class OK(sdk.AudibleTokenProvider):
    """The key of a person is `uid`, as told by a call signed for our own application."""

    Settings: ClassVar[type[sdk.ProviderSettings]] = OKSettings
    # quirk(ok): in the server flow the code comes in the query, but an error in the fragment (Android SDK read 2026-11)
    channels = frozenset({sdk.Channel.QUERY, sdk.Channel.FRAGMENT})
    title: ClassVar[Mapping[str, str]] = {"ru": "Одноклассники", "en": "Odnoklassniki"}
    label: ClassVar[Mapping[str, str]] = {"ru": "Войти через Одноклассники", "en": "Sign in with OK"}
    brand = sdk.Brand(sdk.Shade("#ff7700", "#000000", glyph=sdk.Glyph.WHITE))
    authorize_url = "https://connect.ok.ru/oauth/authorize"
    token_url = "https://api.ok.ru/oauth/token.do"
    api_url = "https://api.ok.ru/fb.do"
    challenge_method = ""  # quirk(ok): no PKCE and no nonce; state is what binds the answer to the browser
    scope_separator = ";"
    # quirk(ok): SERVICE and SYSTEM, to be tried later (read 2026-11)
    not_now = sdk.OAuth2Provider.not_now | {"2", "9999"}

    def authorize_params(self, flow: sdk.Flow) -> dict[str, str]:
        """The request of the one flow or the other."""
        return super().authorize_params(flow) | ({"response_type": "token"} if self._by_client else {})

    @property
    def _by_client(self) -> bool:
        return bool(self.settings.mode == "client")

    def read(self, flow: sdk.Flow, reply: sdk.Reply) -> Mapping[str, str]:
        """A reply that says nothing is a refusal whose error stayed behind in a fragment."""
        params = super().read(flow, reply)
        if not {"access_token", "code"} & params.keys():
            raise sdk.UpstreamDenied("the reply has neither an answer nor an error")
        if (reply.via is sdk.Channel.FRAGMENT) is not self._by_client:
            raise sdk.UpstreamInvalid("the reply is one of the other flow")
        return params

    async def exchange(self, flow: sdk.Flow, params: Mapping[str, str]) -> sdk.Fields:
        """In the client flow the reply itself is the token response, and nothing in it is believed yet."""
        if self._by_client:
            return sdk.Fields({"access_token": params.get("access_token")}, "fragment")
        return await super().exchange(flow, params)

    async def knock(self, flow: sdk.Flow) -> sdk.Fields:
        """In the client flow as well, whose calls are signed with the same secret."""
        return await super().exchange(flow, {"code": sdk.MADE_UP})

    async def identity(self, flow: sdk.Flow, tokens: sdk.Fields) -> sdk.Identity:
        """Who the token belongs to, asked in calls that only the application it was issued to can sign.

        OK makes the key of a session out of its token and the application's secret, and so do we. The one that comes
        through a browser or an app is never read: it may belong to a token of another application.
        """
        token, owner = tokens.text("access_token"), None
        secret = _md5(token + self.settings.client_secret.get_secret_value())
        if self._by_client:
            owner = await self.http.post_form_value(self.api_url, self._call("users.getLoggedInUser", token, secret))
        more = {"fields": ",".join(_FIELDS), "emptyPictures": "false"}
        me = await self.http.post_form(self.api_url, self._call("users.getCurrentUser", token, secret, more))
        uid = me.decimal_id("uid")
        if self._by_client and sdk.Fields({"uid": owner}, "getLoggedInUser").decimal_id("uid") != uid:
            raise sdk.UpstreamInvalid("two calls with one token are about two people")
        return sdk.Identity(uid, describe(me), raw_ids={"ok_uid": uid})

    def _call(self, method: str, token: str, secret: str, more: Mapping[str, str] | None = None) -> dict[str, str]:
        # `format` is always sent: without it the answer may be XML.
        params = {"application_key": self.settings.public_key, "format": "json", "method": method} | dict(more or {})
        return params | {"sig": sign(params, secret), "access_token": token}


def sign(params: Mapping[str, str], secret: str) -> str:
    """`sig`: MD5 over `name=value` in order and the secret, nothing between; so only values of our own are signed."""
    return _md5("".join(f"{name}={params[name]}" for name in sorted(params)) + secret)


def _md5(text: str) -> str:
    return md5(text.encode(errors="surrogatepass"), usedforsecurity=False).hexdigest()


def describe(me: sdk.Fields) -> dict[str, object]:
    """Claims of users.getCurrentUser; `has_email` says that there is an address, nothing says that it was checked."""
    place = me.shown_object("location")
    gender = me.shown("gender")
    picture = next(filter(None, (sdk.https_url(me.shown(name)) for name in _PICTURES)), None)
    claims = sdk.person(me.shown("name"), me.shown("first_name"), me.shown("last_name"), picture=picture)
    claims |= {
        "profile": f"https://ok.ru/profile/{me.decimal_id('uid')}",
        "gender": gender if gender in {"male", "female"} else None,
        "birthdate": sdk.dashed_date(me.shown("birthday")),
        "locale": me.shown("locale"),
        "address": {"locality": place.shown("city"), "country": place.shown("countryName")},
    }
    return claims | sdk.contact(email=me.shown("email"), email_verified=False)
