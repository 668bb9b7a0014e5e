"""Sign in with Slack. From docs.slack.dev (authentication/sign-in-with-slack, openid.connect.token; read 2026-11)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import ClassVar

from starlette.responses import Response

from broker.demo.call import Call
from broker.demo.people import Person
from broker.demo.rules import documented, guessed, measured
from broker.demo.upstreams.answers import json_answer
from broker.demo.upstreams.base import Handler
from broker.demo.upstreams.id_tokens import Claims
from broker.demo.upstreams.oidc_logins import Granted
from broker.demo.upstreams.oidc_service import OidcService

_TEAM = "T0017"
_WORDS = {"invalid_grant": "invalid_code", "invalid_client": "bad_client_secret", "invalid_token": "invalid_auth"}
"""What OAuth calls it, and what Slack does (docs.slack.dev, oauth.v2.access and auth.test, read 2026-11)."""


class Slack(OidcService):
    """slack.com. Everybody is in one workspace; the key of a person counts within it."""

    type = "slack"
    port = 8432
    settings: ClassVar[Mapping[str, object]] = {"client_id": "test.slack", "client_secret": "test-slack-secret"}
    title = "Slack"
    colour = "#4a154b"
    fronts = ("/openid/connect/authorize", "//openid/connect/authorize")
    home = "https://slack.com"
    places: ClassVar[Mapping[str, str]] = {
        "authorization_endpoint": "/openid/connect/authorize",
        "token_endpoint": "/api/openid.connect.token",
        "userinfo_endpoint": "/api/openid.connect.userInfo",
        "jwks_uri": "/openid/connect/keys",
    }
    document: ClassVar[Mapping[str, object]] = {
        "scopes_supported": ["openid", "profile", "email"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "claims_supported": ["sub", "auth_time", "iss"],
        "claims_parameter_supported": False,
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
    }
    works = "discovery, code flow, ID tokens with workspace, profile and address, userinfo; one workspace"
    rules = (
        documented(
            "ID tokens name the workspace (`https://slack.com/team_id`) and have pictures in sizes of their own"
        ),
        documented("refusals of the API have the status 200, `ok: false` and words of its own, such as `invalid_code`"),
        measured("a second slash before the path of the page, as allauth has it"),
        measured("without a nonce in the request `nonce` is empty in the ID token (immich 29055)"),
        measured("a verifier beside the secret ends in `internal_error` (paradigmxyz/centaur 1101)"),
        guessed("`email_verified` is true for Ada alone; all people are in one workspace"),
    )

    def routes(self) -> Sequence[tuple[str, tuple[str, ...], Handler]]:
        return [*super().routes(), ("//openid/connect/authorize", ("GET",), self._authorize)]

    def subject(self, person: Person) -> str:
        """The key as it comes out here: the id within the workspace."""
        return f"U{person.id_at(self.type)}.{_TEAM}"

    def sub(self, granted: Granted) -> str:
        return self.subject(granted.person).partition(".")[0]

    def claims_of(self, granted: Granted) -> Claims:
        person = granted.person
        found: Claims = {
            "https://slack.com/team_id": _TEAM,
            "https://slack.com/user_id": self.sub(granted),
            "nonce": "",
        }
        if "profile" in granted.scope:
            found |= {"name": person.name, "given_name": person.given_name, "family_name": person.family_name}
            found |= {
                "locale": "en-US",
                "https://slack.com/user_image_192": f"https://avatars.slack-edge.com/{person.key}.png",
            }
        address = person.email_at(self.type)
        if address and "email" in granted.scope:
            found |= {"email": address, "email_verified": person.key == "ada", "date_email_verified": 1_700_000_000}
        return found

    def beside(self, granted: Granted) -> Claims:
        return {"ok": True}

    def also_in_userinfo(self, granted: Granted) -> Claims:
        return {"ok": True, "https://slack.com/team_name": "Example", "https://slack.com/team_domain": "example"}

    async def _token(self, call: Call) -> Response:
        if call.get("code_verifier"):
            return json_answer({"ok": False, "error": "internal_error"})
        return _api(await super()._token(call))

    async def _userinfo(self, call: Call) -> Response:
        return _api(await super()._userinfo(call))


def _api(answer: Response) -> Response:
    """As the methods of its API answer: a refusal has the status 200, and a word of its own."""
    if answer.status_code == 200:
        return answer
    word = json.loads(bytes(answer.body))["error"]
    return json_answer({"ok": False, "error": _WORDS.get(word, word)})
