"""Instagram with Instagram Login: three hosts, no address of anybody. From developers.facebook.com (read 2026-11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from starlette.responses import RedirectResponse, Response

from broker.demo.call import Call
from broker.demo.faults import OAUTH
from broker.demo.people import Person
from broker.demo.rules import documented, guessed, measured
from broker.demo.upstreams.answers import back_to, json_answer
from broker.demo.upstreams.base import Emulator, Grant, Handler, OneTime, RegisteredApp
from broker.demo.upstreams.facebook import graph_error

_VERSIONS = ("v25.0", "v26.0")
_HOUR, _DAY = 3600, 86400
_LONG = 60 * _DAY
_BASIC = "instagram_business_basic"
_RIGHTS = frozenset(
    {
        _BASIC,
        *(
            f"instagram_business_{right}"
            for right in ("content_publish", "manage_messages", "manage_comments", "manage_insights")
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Granted(Grant):
    """`issued_at`: when the long-lived token was made."""

    issued_at: float = 0


class Instagram(Emulator):
    """www.instagram.com, api.instagram.com and graph.instagram.com. Everybody here has a professional account."""

    type = "instagram"
    port = 8417
    settings: ClassVar[Mapping[str, object]] = {
        "client_id": "990602627938098",
        "client_secret": "test-instagram-secret",
    }
    title = "Instagram"
    colour = "#c13584"
    fronts = ("/oauth/authorize",)
    works = "code flow, long-lived tokens and their renewal, `/me`"
    missing = "everything that is not sign-in"
    rules = (
        documented("the token response is the one element of a list `data`, permissions a text with commas"),
        measured("the same without the list, `user_id` a number, permissions a list (fault `flat_answer`)"),
        documented("`#_` behind the callback; old scope names are refused; the redirect URI fits letter by letter"),
        documented("tokens live for an hour; long-lived ones are renewed after a day, and die after sixty"),
        guessed("what a personal account sees (fault `personal_account`), and the words of errors"),
        guessed("the profile comes bare; in the documentation inside a list (fault `wrapped_profile`)"),
    )
    faults_known = (
        *OAUTH,
        "personal_account",
        "code_suffix",
        "flat_answer",
        "wrapped_profile",
        "no_permission",
        "no_id",
        "other_user_id",
        "unauthorized",
    )

    def routes(self) -> Sequence[tuple[str, tuple[str, ...], Handler]]:
        return (
            ("/oauth/authorize", ("GET",), self._authorize),
            ("/oauth/access_token", ("POST",), self._token),
            ("/access_token", ("GET",), self._lengthen),
            ("/refresh_access_token", ("GET",), self._refresh),
            *((f"/{version}/me", ("GET",), self._me) for version in _VERSIONS),
        )

    def forget(self) -> None:
        self.codes = OneTime[Granted](_HOUR, self.clock, lambda: "AQB" + self.mint())
        self.tokens = OneTime[Granted](_HOUR, self.clock, lambda: "IGAA" + self.mint())
        self.long = OneTime[Granted](_LONG, self.clock, lambda: "IGAAL" + self.mint())

    def subject(self, person: Person) -> str:
        """The id of the professional account, of seventeen digits."""
        return f"178414{person.id_at(self.type)[-11:]:0>11}"

    async def _authorize(self, call: Call) -> Response:
        app = self.registered(call, "Invalid platform app", "Invalid redirect_uri")
        redirect_uri, state = call.get("redirect_uri"), self.state_of(call)
        scope = tuple(call.get("scope").replace(",", " ").split())
        if call.get("response_type") != "code" or not scope or not _RIGHTS.issuperset(scope):
            return self.refuse(call, "Invalid scope or response_type")
        no = {"error": "access_denied", "error_reason": "user_denied", "state": state}
        no |= {"error_description": "The user denied your request."}
        person = self.ask(call, lambda: back_to(redirect_uri, no))
        if self.faults.on("personal_account"):
            return self.refuse(call, "Switch to a professional account to continue")
        code = self.codes.give(replace(Granted.asked(call, person, app), scope=scope))
        code += "#_" if self.faults.on("code_suffix") else ""
        answer = back_to(redirect_uri, {"code": code, "state": state})
        return RedirectResponse(f"{answer.headers['location']}#_", status_code=302)

    # --- tokens ---

    async def _token(self, call: Call) -> Response:
        app = self.apps.get(call.get("client_id"))
        if app is None:
            return refused("Invalid platform app")
        if call.get("client_secret") != app.client_secret:
            return refused("Error validating client secret")
        if call.get("grant_type") != "authorization_code":
            return refused("Invalid grant_type")
        if self.faults.on("error_200"):
            return refused("Matching code was not found or was already used", 200)
        return self._exchanged(call, app)

    def _exchanged(self, call: Call, app: RegisteredApp) -> Response:
        granted = None if self.faults.on("invalid_grant") else self.codes.take(call.get("code"))
        if granted is None or granted.app.client_id != app.client_id:
            return refused("Matching code was not found or was already used")
        if granted.redirect_uri != call.get("redirect_uri"):
            return refused("Redirect URI mismatch")
        rights = [right for right in granted.scope if right != _BASIC or not self.faults.on("no_permission")]
        answer: dict[str, object] = {"access_token": self.tokens.give(granted), "user_id": self.subject(granted.person)}
        if self.faults.on("flat_answer"):
            return json_answer({**answer, "user_id": int(str(answer["user_id"])), "permissions": rights})
        return json_answer({"data": [{**answer, "permissions": ",".join(rights)}]})

    async def _lengthen(self, call: Call) -> Response:
        granted = self.tokens.look(call.get("access_token"))
        fits = granted is not None and call.get("client_secret") == granted.app.client_secret
        if granted is None or not fits or call.get("grant_type") != "ig_exchange_token":
            return graph_error(190, "Invalid OAuth access token.")
        return self._long_lived(granted)

    async def _refresh(self, call: Call) -> Response:
        granted = self.long.look(call.get("access_token"))
        if granted is None or self.clock() < granted.issued_at + _DAY or call.get("grant_type") != "ig_refresh_token":
            return graph_error(190, "Invalid OAuth access token, or one that is not a day old.")
        return self._long_lived(granted)

    def _long_lived(self, granted: Granted) -> Response:
        token = self.long.give(replace(granted, issued_at=self.clock()))
        return json_answer({"access_token": token, "token_type": "bearer", "expires_in": _LONG})

    # --- the profile ---

    async def _me(self, call: Call) -> Response:
        token = call.get("access_token")
        granted = self.tokens.look(token) or self.long.look(token)
        if granted is None or self.faults.on("unauthorized"):
            return graph_error(190, "Invalid OAuth access token.")
        granted = granted.of_somebody_else() if self.faults.on("other_user_id") else granted
        profile = self._profile(granted.person)
        found = {name: profile[name] for name in call.get("fields").split(",") if name in profile}
        return json_answer({"data": [found]} if self.faults.on("wrapped_profile") else found)

    def _profile(self, person: Person) -> dict[str, object]:
        """What a person does not have is not there."""
        account = self.subject(person)
        picture = f"https://scontent.cdninstagram.com/{person.key}.jpg" if person.picture else ""
        found = {
            "id": f"249{account[3:]}",
            "user_id": "" if self.faults.on("no_id") else account,
            "username": person.username or f"user{account}",
            "name": person.name,
            "account_type": "BUSINESS",
            "profile_picture_url": picture,
        }
        return self.told(person, {name: value for name, value in found.items() if value})


def refused(message: str, status: int = 400) -> Response:
    """An error of the token endpoint, which is neither OAuth's nor the Graph's."""
    return json_answer({"error_type": "OAuthException", "code": 400, "error_message": message}, status)
