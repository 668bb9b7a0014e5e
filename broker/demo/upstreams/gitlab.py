"""GitLab as an OpenID Provider. From docs.gitlab.com/integration/openid_connect_provider (read 2026-11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from starlette.responses import Response

from broker.demo.call import Call
from broker.demo.rules import documented, guessed, measured
from broker.demo.upstreams.answers import json_answer
from broker.demo.upstreams.base import Handler
from broker.demo.upstreams.id_tokens import Claims
from broker.demo.upstreams.oidc_logins import Granted
from broker.demo.upstreams.oidc_service import OidcService


class GitLab(OidcService):
    """gitlab.com, or the server that the apps name as their issuer."""

    type = "gitlab"
    port = 8429
    settings: ClassVar[Mapping[str, object]] = {"client_id": "test-gitlab-app", "client_secret": "test-gitlab-secret"}
    title = "GitLab"
    colour = "#fc6d26"
    fronts = ("/oauth/authorize",)
    home = "https://gitlab.com"
    places: ClassVar[Mapping[str, str]] = {
        "authorization_endpoint": "/oauth/authorize",
        "token_endpoint": "/oauth/token",
        "userinfo_endpoint": "/oauth/userinfo",
        "jwks_uri": "/oauth/discovery/keys",
        "revocation_endpoint": "/oauth/revoke",
    }
    document: ClassVar[Mapping[str, object]] = {
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["plain", "S256"],
    }
    renews = True
    plain = True
    works = (
        "discovery, code flow with PKCE, ID tokens with profile and address, userinfo, revocation; `/api/v4/user` for "
        "apps without OpenID Connect"
    )
    rules = (
        documented("the claims of ID tokens and userinfo, `email` and `email_verified` with the scope `email` only"),
        documented("`groups_direct` stands in the ID token, `groups` at userinfo"),
        documented("`/api/v4/user` needs the scope `read_user`; its `id` is the `sub` of ID tokens"),
        measured("its token may be in the query, where allauth and python-social-auth have it"),
        guessed("`email_verified` is true for Ada alone"),
        documented("a refresh token comes with every answer, and is good once"),
    )

    def claims_of(self, granted: Granted) -> Claims:
        person, found = granted.person, dict[str, object]()
        if "profile" in granted.scope:
            username = person.username or person.key
            found |= {"name": person.name, "nickname": username, "preferred_username": username}
            found |= {"profile": f"{self.issuer}/{username}", "groups_direct": ["staff"]}
            found |= {"picture": f"{self.issuer}/uploads/-/system/user/avatar/{self.subject(person)}/avatar.png"}
        address = person.email_at(self.type)
        if address and "email" in granted.scope:
            found |= {"email": address, "email_verified": person.key == "ada"}
        return found

    def also_in_userinfo(self, granted: Granted) -> Claims:
        return {"groups": ["staff", "staff/people"]}

    def routes(self) -> Sequence[tuple[str, tuple[str, ...], Handler]]:
        return [*super().routes(), (f"{self._prefix}/api/v4/user", ("GET",), self._user)]

    async def _user(self, call: Call) -> Response:
        """Of the REST API (docs.gitlab.com/api/users), for apps that ask for `read_user` alone."""
        token = call.headers.get("authorization", "").partition(" ")[2] or call.query.get("access_token", "")
        granted = self.tokens.look(token)
        if granted is None:
            return json_answer({"message": "401 Unauthorized"}, 401)
        if "read_user" not in granted.scope:
            return json_answer({"error": "insufficient_scope", "scope": "api read_user"}, 403)
        person, username = granted.person, granted.person.username or granted.person.key
        found: Claims = {"id": int(self.subject(person)), "username": username, "name": person.name, "state": "active"}
        found |= {"web_url": f"{self.issuer}/{username}", "email": person.email_at(self.type)}
        return json_answer(self.told(person, found))
