"""GitHub, and an Enterprise Server below `/api/v3`: OAuth 2.0 and a REST API. From docs.github.com (read 2026-11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import ClassVar
from urllib.parse import urlencode, urlsplit

from starlette.responses import HTMLResponse, PlainTextResponse, Response

from broker.demo.call import Call, read_basic
from broker.demo.faults import OAUTH
from broker.demo.people import Person
from broker.demo.rules import documented, guessed, measured
from broker.demo.upstreams.answers import back_to, json_answer
from broker.demo.upstreams.base import Emulator, Grant, Handler, Newest, OneTime, Refused, RegisteredApp
from broker.demo.upstreams.control import KitOrder
from broker.demo.upstreams.keys import challenge_of

_YEAR = 365 * 86400
_DOCS = "https://docs.github.com/en/apps/oauth-apps"
_TEXTS = {
    "access_denied": "The user has denied your application access.",
    "redirect_uri_mismatch": "The redirect_uri MUST match the registered callback URL for this application.",
    "application_suspended": "Your application has been suspended. Contact support@github.com.",
    "incorrect_client_credentials": "The client_id and/or client_secret passed are incorrect.",
    "bad_verification_code": "The code passed is incorrect or expired.",
    "unverified_user_email": "The user must have a verified primary email.",
}
_OTHER_APP = "Iv1.ffffffffffffffff"


class GitHub(Emulator):
    """github.com and api.github.com in one. Extras of an app: `issuer`, where it is registered at another server."""

    type = "github"
    port = 8418
    settings: ClassVar[Mapping[str, object]] = {
        "client_id": "Iv1.test000000000000",
        "client_secret": "test-github-secret",
    }
    title = "GitHub"
    colour = "#24292f"
    fronts = ("/login/oauth/authorize",)
    works = (
        "code flow with PKCE, answers as JSON, form or XML, profile and addresses in pages, token check, "
        "revocation; the API of an Enterprise Server below `/api/v3`"
    )
    rules = (
        documented(
            "errors of the token endpoint have status 200, and the answer is a form unless `Accept` says otherwise"
        ),
        documented(
            "a callback is the registered one or below it; any other goes to the registered one with "
            "`redirect_uri_mismatch`"
        ),
        documented("rights that were given before come along; scopes are told with commas"),
        documented("`iss` in every reply; `code_challenge_method` S256 alone"),
        documented("the token check answers for tokens of its own app; 404 for all others"),
        documented(
            "addresses in pages with `Link`; 404 without `user:email`; a rate limit is a 403 with `X-RateLimit-"
            "Remaining: 0`"
        ),
        measured("replies have `iss` since August 2026, as projects whose logins broke over it wrote down"),
        guessed(
            "an unknown `client_id` is a page with status 404; a wrong verifier is `bad_verification_code`; no "
            "`User-Agent`, 403"
        ),
        guessed("a personal access token at the token check is 404"),
    )
    faults_known = (
        *OAUTH,
        "wrong_iss_param",
        "no_iss_param",
        "suspended",
        "no_id",
        "other_user_id",
        "other_app",
        "unauthorized",
        "rate_limited",
        "public_email",
        "unverified_primary",
        "noreply_primary",
        "emails_hidden",
        "many_emails",
    )

    def routes(self) -> Sequence[tuple[str, tuple[str, ...], Handler]]:
        api: tuple[tuple[str, tuple[str, ...], Handler], ...] = (
            ("/user", ("GET",), self._user),
            ("/user/emails", ("GET",), self._emails),
            ("/applications/{client_id}/token", ("POST", "DELETE"), self._check),
            ("/applications/{client_id}/grant", ("DELETE",), self._check),
        )
        return (
            ("/login/oauth/authorize", ("GET",), self._authorize),
            ("/login/oauth/access_token", ("POST",), self._token),
            ("/_emulator/kit", ("POST",), self._kit),
            *((prefix + path, methods, handler) for prefix in ("", "/api/v3") for path, methods, handler in api),
        )

    def forget(self) -> None:
        self.codes = OneTime[Grant](600, self.clock, lambda: sha256(self.mint().encode()).hexdigest()[:20])
        self.tokens = OneTime[Grant](_YEAR, self.clock, lambda: "gho_" + self.mint())
        self.agreed = Newest[tuple[str, ...]]()

    # --- what browsers visit ---

    async def _authorize(self, call: Call) -> Response:
        app = self.apps.get(call.get("client_id"))
        if app is None:
            return HTMLResponse("<h1>404</h1>", status_code=404)
        if call.get("code_challenge") and call.get("code_challenge_method") != "S256":
            return self.refuse(call, "code_challenge_method must be S256")
        asked = call.get("redirect_uri") or app.redirect_uris[0]
        if not any(_fits(asked, registered) for registered in app.redirect_uris):
            return self._back(app, app.redirect_uris[0], call, error="redirect_uri_mismatch")
        if self.faults.on("suspended"):
            return self._back(app, asked, call, error="application_suspended")
        person = self.ask(call, lambda: self._back(app, asked, call, error="access_denied"))
        return self._back(app, asked, call, code=self.codes.give(self._granted(call, person, app, asked)))

    def _granted(self, call: Call, person: Person, app: RegisteredApp, redirect_uri: str) -> Grant:
        """quirk(github): what was agreed to before is given along."""
        key = f"{app.client_id} {person.key}"
        self.agreed[key] = tuple(dict.fromkeys((*self.agreed.get(key, ()), *call.get("scope").split())))
        return Grant(person, app, redirect_uri, self.agreed[key], challenge=call.get("code_challenge"))

    def _back(self, app: RegisteredApp, redirect_uri: str, call: Call, *, error: str = "", code: str = "") -> Response:
        answer = {"error": error, "error_description": _TEXTS.get(error, ""), "code": code}
        answer["error_uri"] = f"{_DOCS}/troubleshooting#{error}" if error else ""
        ours = app.extras.get("issuer", "https://github.com/login/oauth")
        iss = "https://accounts.example.com" if self.faults.on("wrong_iss_param") else ours
        answer["iss"] = "" if self.faults.on("no_iss_param") else iss
        return back_to(redirect_uri, {**answer, "state": self.state_of(call)})

    async def _kit(self, call: Call) -> Response:
        """What an app on a phone gets in the end that went the way of browsers itself, or that of devices."""
        order = KitOrder.model_validate(call.json)
        granted = Grant(self.living(order.person), self.app_of(order), "", ("read:user", "user:email"))
        return json_answer({"access_token": self.tokens.give(granted)})

    # --- the token endpoint: every answer has status 200, and the form that was asked for ---

    async def _token(self, call: Call) -> Response:
        app = self.apps.get(call.get("client_id"))
        if app is None:
            return json_answer({"error": "Not Found"}, 404)
        if call.get("client_secret") != app.client_secret or self.faults.on("error_200"):
            return _worded(call, "incorrect_client_credentials")
        granted = self.codes.take(call.get("code"))
        if granted is None or granted.app.client_id != app.client_id or self.faults.on("invalid_grant"):
            return _worded(call, "bad_verification_code")
        if call.get("redirect_uri") not in {"", granted.redirect_uri}:
            return _worded(call, "redirect_uri_mismatch")
        if granted.challenge and challenge_of(call.get("code_verifier")) != granted.challenge:
            return _worded(call, "bad_verification_code")
        answer = {"access_token": self.tokens.give(granted), "scope": ",".join(granted.scope), "token_type": "bearer"}
        return _formed(call, answer)

    # --- the API ---

    def _bearer(self, call: Call) -> Grant:
        """Whose token comes along; raises Refused."""
        if not call.headers.get("user-agent"):
            raise Refused(PlainTextResponse("Request forbidden by administrative rules.", status_code=403))
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        granted = self.tokens.look(token) if scheme.lower() in {"bearer", "token"} else None
        if granted is None or self.faults.on("unauthorized"):
            raise Refused(_message("Bad credentials", 401))
        return granted

    async def _user(self, call: Call) -> Response:
        granted = self._bearer(call)
        person = (granted.of_somebody_else() if self.faults.on("other_user_id") else granted).person
        found: dict[str, object] = {} if self.faults.on("no_id") else {"id": int(self.subject(person))}
        return json_answer(self.told(person, found | self._profile(person)))

    def _profile(self, person: Person) -> dict[str, object]:
        login = self._login(person)
        return {
            "login": login,
            "avatar_url": f"https://avatars.githubusercontent.com/u/{self.subject(person)}?v=4",
            "html_url": f"https://github.com/{login}",
            "type": "User",
            "name": person.name or None,
            "blog": str(person.more.get("website", "")),
            "email": "somebody.else@example.com" if self.faults.on("public_email") else None,
            "created_at": "2013-10-31T10:00:00Z",
            "updated_at": "2026-01-02T03:04:05Z",
        }

    def _login(self, person: Person) -> str:
        return person.username.replace("_", "-") or f"user-{self.subject(person)}"

    async def _emails(self, call: Call) -> Response:
        granted = self._bearer(call)
        if self.faults.on("rate_limited"):
            return _message("API rate limit exceeded", 403, X_RateLimit_Remaining="0")
        if not {"user", "user:email"} & set(granted.scope) or self.faults.on("emails_hidden"):
            return _message("Not Found", 404, X_OAuth_Scopes=", ".join(granted.scope))
        listed, page = self._addresses(granted.person), int(call.get("page") or 1)
        size = min(int(call.get("per_page") or 30), 100)
        shown = listed[(page - 1) * size : page * size]
        answer = json_answer(shown)
        if page * size < len(listed):
            where = f"https://api.github.com/user/emails?per_page={size}&page={page + 1}"
            answer.headers["Link"] = f'<{where}>; rel="next"'
        return answer

    def _addresses(self, person: Person) -> list[dict[str, object]]:
        """The noreply address, which everybody has, and the person's own, which is the primary one."""
        noreply = f"{self.subject(person)}+{self._login(person)}@users.noreply.github.com"
        chosen, verified = self.faults.active("noreply_primary"), not self.faults.active("unverified_primary")
        found = [_address(noreply, primary=chosen)]
        if self.faults.active("many_emails"):
            found += [_address(f"{number}@example.com") for number in range(120)]
        own = person.email_at(self.type)
        return [*found, *([_address(own, primary=not chosen, verified=verified)] if own else [])]

    async def _check(self, call: Call) -> Response:
        """Whose token it is and of which app, or an end to it; tokens of other apps are not there."""
        *_, client_id, what = call.path.split("/")
        scheme, _, text = call.headers.get("authorization", "").partition(" ")
        app, token = self.apps.get(client_id), call.json.get("access_token")
        if app is None or scheme.lower() != "basic" or read_basic(text) != (client_id, app.client_secret):
            return _message("Bad credentials", 401)
        if not isinstance(token, str):
            return _message("Validation Failed", 422)
        granted = self.tokens.look(token)
        if granted is None or granted.app.client_id != client_id:
            return _message("Not Found", 404)
        if call.method == "DELETE":
            self.tokens.take(token)
            if what == "grant":
                self.agreed.pop(f"{client_id} {granted.person.key}", None)
            return Response(status_code=204)
        return json_answer(self._told_of(token, granted))

    def _told_of(self, token: str, granted: Grant) -> dict[str, object]:
        client_id = _OTHER_APP if self.faults.on("other_app") else granted.app.client_id
        user = {"login": self._login(granted.person), "id": int(self.subject(granted.person))}
        return {
            "id": 1,
            "app": {"client_id": client_id, "name": "App", "url": "https://app.example.com"},
            "token": token,
            "hashed_token": sha256(token.encode()).hexdigest(),
            "token_last_eight": token[-8:],
            "scopes": list(granted.scope),
            "created_at": "2026-01-02T03:04:05Z",
            "expires_at": None,
            "user": user,
        }


def _fits(asked: str, registered: str) -> bool:
    """Same host and port, the same path or one below it; on loopback addresses any port."""
    one, other = urlsplit(asked), urlsplit(registered)
    places = (one.netloc, other.netloc)
    if one.hostname in {"127.0.0.1", "::1"}:
        places = (one.hostname, other.hostname or "")
    below = one.path == other.path or one.path.startswith(other.path.rstrip("/") + "/")
    return one.scheme == other.scheme and places[0] == places[1] and below


def _worded(call: Call, error: str) -> Response:
    uri = f"{_DOCS}/maintaining-oauth-apps/troubleshooting-oauth-app-access-token-request-errors#{error}"
    return _formed(call, {"error": error, "error_description": _TEXTS[error], "error_uri": uri})


def _formed(call: Call, answer: Mapping[str, str]) -> Response:
    """quirk(github): a form, unless JSON or XML is asked for."""
    wanted = call.headers.get("accept", "")
    if "application/json" in wanted:
        return json_answer(answer)
    if "application/xml" in wanted:
        inner = "".join(f"<{name}>{text}</{name}>" for name, text in answer.items())
        return Response(f"<?xml version='1.0'?><OAuth>{inner}</OAuth>", media_type="application/xml")
    return Response(urlencode(answer), media_type="application/x-www-form-urlencoded")


def _message(text: str, status: int, **headers: str) -> Response:
    return json_answer({"message": text, "documentation_url": "https://docs.github.com/rest"}, status, **headers)


def _address(email: str, *, primary: bool = False, verified: bool = True) -> dict[str, object]:
    return {"email": email, "primary": primary, "verified": verified, "visibility": "private" if primary else None}
