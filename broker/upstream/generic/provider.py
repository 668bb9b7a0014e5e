"""The code flow with an upstream that settings describe. What the answers are worth, the settings say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from broker.core.errors import UpstreamError, UpstreamInvalid
from broker.core.expressions import find
from broker.core.people.identity import Identity
from broker.core.wire.query import encode_query
from broker.upstream.answer import NOT_NOW, clean_name
from broker.upstream.credentials_check import MADE_UP
from broker.upstream.discovery import Metadata
from broker.upstream.fields import Fields
from broker.upstream.generic.answers import Reading
from broker.upstream.generic.calls import check_request, revoke_request, token_request, userinfo_request
from broker.upstream.generic.people import Describing, scopes_of
from broker.upstream.generic.settings import GenericOAuth2Settings, UserInfo
from broker.upstream.generic.token_check import owner_in
from broker.upstream.model import Channel, Credentials, Flow, ProviderSettings, Redirect, Reply, Tools, Widget
from broker.upstream.posted import AudibleTokenProvider, Posted

Document = dict[str, Any]


class GenericOAuth2Provider(AudibleTokenProvider):
    """A type that is nothing but its settings; a preset is a subclass with a file of them."""

    Settings: ClassVar[type[ProviderSettings]] = GenericOAuth2Settings
    channels: ClassVar[frozenset[Channel]] = frozenset({Channel.QUERY, Channel.FORM_POST})

    settings: GenericOAuth2Settings

    def __init__(self, settings: Any, tools: Tools) -> None:
        """`settings` are GenericOAuth2Settings. Nothing is called before somebody logs in."""
        super().__init__(settings, tools)
        self.not_now = NOT_NOW | frozenset(map(clean_name, self.settings.not_now))
        self.hear_words(self.settings)
        self.denied = frozenset(map(clean_name, self.settings.callback.cancel_values))
        self.issuers = () if self.settings.callback.iss is None else (self.settings.callback.iss,)
        self._people = Describing(self.settings, tools.odd)

    async def metadata(self) -> Metadata:
        """Where it answers, as the settings say."""
        places = self.settings.authorize.url, self.settings.token.url
        return Metadata(*places, revocation_endpoint="" if self.settings.revoke is None else self.settings.revoke.url)

    async def begin(self, flow: Flow) -> Redirect | Widget:
        """As for OAuth; a parameter of ours replaces one of the same name that stands in the address."""
        params = self.authorize_params(flow)
        parts = urlsplit(self.settings.authorize.url)
        kept = [(name, text) for name, text in parse_qsl(parts.query, keep_blank_values=True) if name not in params]
        query = encode_query({**dict(kept), **params})
        return Redirect(self.tools.browser_url(f"{parts.scheme}://{parts.netloc}{parts.path}?{query}"))

    def authorize_params(self, flow: Flow) -> dict[str, str]:
        """The parameters of the settings first, so that ours win."""
        chosen, asked = self.settings.authorize, flow.wishes
        ours = super().authorize_params(flow if chosen.pkce != "off" else replace(flow, code_verifier=""))
        ours["scope"] = self.settings.scope_separator.join(self.scopes_of(flow))
        if not ours["scope"]:
            del ours["scope"]
        if chosen.pkce == "plain":
            ours |= {"code_challenge": flow.code_verifier, "code_challenge_method": "plain"}
        ours[self.settings.client_id_param] = ours.pop("client_id")
        if self.settings.callback.method == "form_post":
            ours["response_mode"] = "form_post"
        wishes = {
            "prompt": " ".join(asked.prompt),
            "max_age": "" if asked.max_age is None else str(asked.max_age),
            "login_hint": asked.login_hint,
            "ui_locales": flow.ui_locale,
        }
        forwarded = {chosen.forward[name]: wish for name, wish in wishes.items() if wish and name in chosen.forward}
        return {**chosen.params, **forwarded, **ours}

    def read(self, flow: Flow, reply: Reply) -> Mapping[str, str]:
        """The code, and what has to go along with it; anything else in a reply is not looked at."""
        chosen = self.settings.callback
        if reply.via != chosen.method:
            raise UpstreamInvalid(f"the reply came by {reply.via}")
        errors = [reply.params[name] for name in ("error", *chosen.error_params) if name in reply.params]
        told = super().read(flow, replace(reply, params={**reply.params, **({"error": errors[0]} if errors else {})}))
        code = told.get(chosen.code_param, "")
        code = code.removesuffix(chosen.strip_code_suffix) if chosen.strip_code_suffix else code
        return {"code": code} | {name: Fields(told, "reply").text(name) for name in chosen.extra_to_token}

    def token_params(self, flow: Flow, params: Mapping[str, str]) -> dict[str, str]:
        """As for OAuth, with what has to be repeated of the reply."""
        shown = flow if self.settings.authorize.pkce != "off" else replace(flow, code_verifier="")
        return {name: params[name] for name in self.settings.callback.extra_to_token} | super().token_params(
            shown, params
        )

    async def knock(self, flow: Flow) -> Fields:
        """As for OAuth, with what has to be repeated made up, too."""
        repeated = dict.fromkeys(self.settings.callback.extra_to_token, MADE_UP)
        return await self.exchange(flow, {**repeated, "code": MADE_UP})

    async def ask_tokens(self, form: Mapping[str, str], metadata: Metadata) -> Fields:
        """The token answer under the names of RFC 6749 section 5.1, whatever it calls them."""
        call = self.settings.token
        request = token_request(call, form, await self.credentials(metadata), self._document())
        reading = self._reading(call.root, call.error_paths)
        reading = replace(reading, form=call.response != "json", only_form=call.response == "form")
        answer = await self.http.ask(request, reading.read)
        tokens = Fields(answer | self._named(answer), "token answer", self.tools.odd)
        tokens.text("access_token")
        kind = tokens.maybe("token_type")
        if kind is not None and kind.lower() not in {known.lower() for known in call.token_types}:
            raise UpstreamInvalid("token answer: a token_type that is not listed in token.token_types")
        return tokens

    def _named(self, answer: Document) -> Document:
        call = self.settings.token
        lifetime = find(call.expires_in, answer)
        positive = isinstance(lifetime, int | str) and str(lifetime).isdigit() and int(lifetime) > 0
        return {
            "access_token": find(call.access_token, answer),
            "refresh_token": find(call.refresh_token, answer),
            "expires_in": lifetime if positive else None,
            "scope": " ".join(scopes_of(find(call.scope, answer))),
        }

    async def credentials(self, metadata: Metadata) -> Credentials:
        """The id and the secret, under the names they have there."""
        return self._proof(self.settings.client_auth)

    def _proof(self, way: Any) -> Credentials:
        proof = self.by_secret(way)
        names = {"client_id": self.settings.client_id_param, "client_secret": self.settings.client_secret_param}
        return replace(proof, form={names[name]: value for name, value in proof.form.items()})

    async def identity(self, flow: Flow, tokens: Fields) -> Identity:
        """Whom the calls of `userinfo` describe."""
        told = {"token": {name: tokens.raw(name) for name in tokens}}
        return self._people.identity(await self._told(told | self._document(tokens.text("access_token"))))

    async def identity_by(self, posted: Posted) -> Identity:
        """The same of a posted token, which came without a token answer."""
        return self._people.identity(await self._told(self._document(posted.token)))

    async def _told(self, document: Document) -> Document:
        for call in self.settings.userinfo:
            document[call.name] = await self._ask(call, document)
        return document

    async def _ask(self, call: UserInfo, document: Document) -> Any:
        reading = replace(
            self._reading(call.root, call.error_paths),
            kind=list if call.expect == "list" else dict,
            nothing_at=tuple(call.on_status),
        )
        try:
            return await self.http.ask(userinfo_request(call, call.auth, document), reading.read)
        except UpstreamError:
            if not call.optional:
                raise
            self.tools.odd(call.name)
            return None

    def _document(self, token: str = "") -> Document:
        """What expressions and placeholders may name from the first call on."""
        return {"client": {"id": self.settings.client_id}} | ({"access_token": token} if token else {})

    def _reading(self, root: str | None, error_paths: tuple[str, ...] = ()) -> Reading:
        return Reading(root, error_paths, self.not_now)

    async def owner_of(self, token: str) -> str:
        """What `token_check` says, which has to name our application."""
        check = self.settings.token_check
        if check is None:
            raise UpstreamInvalid("nothing here proves of a token that it is for this application")
        proof = self._proof(check.auth if check.auth in {"basic", "post"} else "none")
        request = check_request(check, proof, self._document(token))
        answer = await self.http.ask(request, self._reading(check.root).read)
        return owner_in(check, answer, client_id=self.settings.client_id, now=self.tools.now())

    async def revoke(self, token: str, metadata: Metadata) -> None:
        """As the settings say."""
        chosen = self.settings.revoke
        if chosen is not None:
            proof = self._proof(chosen.auth or self.settings.client_auth)
            await self.http.ask(revoke_request(chosen, proof, self._document(token)), lambda answer: None)
