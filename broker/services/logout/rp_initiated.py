"""Logging out of everything (OIDC RP-Initiated Logout 1.0): whose wish it is, what ends, who hears of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from broker.core.clients.client import Client
from broker.core.errors import BadRedirectUri, FlowGone, ForeignPost, InvalidRequest, InvalidToken, SealBroken
from broker.core.events import Event
from broker.core.logout import (
    LogoutDone,
    LogoutTicket,
    SessionClient,
    Telling,
    build_frame_url,
    build_return_url,
    check_logout_request,
    verify_post_logout_uri,
)
from broker.core.seal import Seal, digest
from broker.core.wire.parameters import Parameters
from broker.services.clients.directory import Clients
from broker.services.context import Context
from broker.services.logout.telling import LogoutTokens
from broker.services.sessions.endings import Endings
from broker.services.sessions.single_sign_on import Session
from broker.services.sessions.upstream import UpstreamSessions
from broker.services.tokens.minting import Tokens
from broker.store.transient import Kind, Transient

_TICKET_TTL = 600  # seconds
_AWAY_TTL = 600  # seconds somebody may be at the upstream before we have forgotten where they were going
_UNPROVED = "id_token_hint is not an ID token that this issuer signed for a client it knows"
_NO_HINT = "post_logout_redirect_uri counts only with the client's id_token_hint, which is missing"
_WAIT = 1.0  # seconds a person waits for apps to confirm; those that take longer are told all the same


@dataclass(frozen=True, slots=True)
class LogoutWish:
    """A checked request. `client` and all that follows come out of a verified hint, or are empty.

    `sid` and `sub` are those of the hint, and so the client's own names; `redirect_uri` is registered and holds the
    app's `state` already. `problem` says to the app's developer what proved nothing or is not registered: then the
    person is asked, and sent nowhere. `astray`: what came is an address that is not registered.
    """

    client: Client | None = None
    sid: str = ""
    sub: str = ""
    redirect_uri: str = ""
    problem: str = ""
    astray: bool = False


@dataclass(frozen=True, slots=True)
class LoggedOut:
    """What came of it. `apps` by client_id; `frames` are what the browser loads to tell apps.

    The browser goes on to `upstream_href`, which sends it back to us, or else to `redirect_uri`; "" for neither.
    `ended`: somebody was signed in before.
    """

    client: Client | None
    redirect_uri: str
    apps: Mapping[str, Telling]
    frames: tuple[str, ...] = ()
    upstream_href: str = ""
    ended: bool = True
    problem: str = ""
    astray: bool = False

    @property
    def is_lure(self) -> bool:
        """Whether a link to us would do nothing but lead to a place nobody verified (RFC 9700 section 4.11.2)."""
        return not self.ended and self.client is not None and self.client.origin.registered


class Logout:
    """Ends the session of a browser when the person wants it, and nobody else's wish is taken for theirs."""

    def __init__(
        self,
        context: Context,
        transient: Transient,
        clients: Clients,
        tokens: Tokens,
        seal: Seal,
        *,
        endings: Endings,
        telling: LogoutTokens,
        upstream: UpstreamSessions,
    ) -> None:
        """`seal` has the purpose "logout"."""
        self._context = context
        self._transient = transient
        self._clients = clients
        self._tokens = tokens
        self._seal = seal
        self._endings = endings
        self._telling = telling
        self._upstream = upstream

    async def verify(self, params: Parameters) -> LogoutWish:
        """What is asked, and by whom as far as that is proved; raises InvalidRequest.

        A hint that proves nothing is as good as none: the person is asked, and sent nowhere afterwards. Keys are
        deleted some time after their last token, so even an honest app may come with a hint we cannot check. An
        address that is not registered stops nobody from signing out here.
        """
        check_logout_request(params)
        hint, uri = params.get("id_token_hint", ""), params.get("post_logout_redirect_uri", "")
        claims = self._verify_hint(hint)
        client = await self._clients.find(str(claims.get("aud", "")))
        if client is None:
            return LogoutWish(problem=_UNPROVED if hint else _NO_HINT if uri else "")
        if params.get("client_id", "") not in {"", client.id}:
            raise InvalidRequest("client_id is not the client that id_token_hint was issued to")
        wish = LogoutWish(client, str(claims.get("sid", "")), str(claims["sub"]))
        try:
            verified = build_return_url(verify_post_logout_uri(client, uri), params.get("state", "")) if uri else ""
        except BadRedirectUri as error:
            self._context.recorder.record(
                Event.REQUEST_REFUSED, error=error.code, kind="BadRedirectUri", reason=error.detail, client_id=client.id
            )
            return replace(wish, problem=error.public, astray=True)
        return replace(wish, redirect_uri=verified)

    def is_plain(self, wish: LogoutWish, session: Session | None) -> bool:
        """Whether there is nothing to ask: the app proved that it speaks of this session, or there is none."""
        if session is None:
            return True
        if wish.client is None or wish.problem:
            return False
        subjects = self._tokens.subjects
        same_session = bool(wish.sid) and wish.sid == subjects.sid_of(session.login.sid, wish.client)
        return same_session or wish.sub == subjects.of(session.login.sub, wish.client)

    def build_ticket(self, wish: LogoutWish, session: Session) -> str:
        """The question whether this session is to end."""
        ticket = LogoutTicket(
            session=session.key,
            client_id=wish.client.id if wish.client else "",
            redirect_uri=wish.redirect_uri,
            expires_at=self._context.now() + _TICKET_TTL,
        )
        return self._seal.seal(ticket.to_bytes())

    async def open_ticket(self, sealed: str, session: Session | None) -> LogoutWish:
        """The question put to exactly this session; raises ForeignPost or FlowGone.

        Without any session there is nothing that a stranger's ticket could end.
        """
        try:
            ticket = LogoutTicket.from_bytes(self._seal.open_(sealed))
        except SealBroken as error:
            raise ForeignPost(error.detail) from None
        if session is not None and session.key != ticket.session:
            raise ForeignPost("a logout question of another session")
        if ticket.expires_at <= self._context.now():
            raise FlowGone("the logout question is too old")
        client = await self._clients.find(ticket.client_id)
        return LogoutWish(client, redirect_uri=ticket.redirect_uri if client else "")

    async def finish(self, wish: LogoutWish, session: Session | None, *, return_to: str) -> LoggedOut:
        """End the session, if there is one, and tell the apps. `return_to`: where the upstream sends the browser."""
        if session is None:
            return LoggedOut(wish.client, wish.redirect_uri, {}, ended=False, problem=wish.problem, astray=wish.astray)
        sid = session.login.sid
        with self._telling.watch(sid) as watch:
            told = await self._endings.end_session(session, reason="logout")
            await watch.until(sum(one.backchannel for one in told), within=_WAIT)
        apps, frames = await self._sort(told, watch.outcomes)
        done = LoggedOut(wish.client, wish.redirect_uri, apps, frames)
        return await self._leave_upstream(done, session, return_to)

    async def recall(self, state: str) -> LoggedOut:
        """Back from the upstream: where the person was going. What is not known any more is a plain logout."""
        raw = await self._transient.get(Kind.LOGOUT, digest(state)) if state else None
        if raw is None:
            return LoggedOut(None, "", {})
        done = LogoutDone.from_bytes(raw)
        apps = {client_id: Telling(word) for client_id, word in done.apps.items()}
        return LoggedOut(await self._clients.find(done.client_id), done.redirect_uri, apps)

    async def find_clients(self, apps: Mapping[str, Telling]) -> list[tuple[Client, Telling]]:
        """The apps by name, those that still exist."""
        found = [(await self._clients.known(client_id), word) for client_id, word in apps.items()]
        return [(client, word) for client, word in found if client is not None]

    async def _sort(
        self, told: tuple[SessionClient, ...], outcomes: Mapping[str, Telling]
    ) -> tuple[dict[str, Telling], tuple[str, ...]]:
        """How far each app was told, and what the browser has to load for some."""
        apps, frames = {}, []
        for one in told:
            client = await self._clients.known(one.client_id)
            if one.backchannel:
                apps[one.client_id] = outcomes.get(one.client_id, Telling.WAITING)
            if client is not None and client.logout.frontchannel_logout_uri:
                apps.setdefault(one.client_id, Telling.BY_BROWSER)
                uri, sid = client.logout.frontchannel_logout_uri, self._tokens.subjects.sid_of(one.sid, client)
                frames.append(build_frame_url(uri, issuer=self._context.issuer, sid=sid))
        return apps, tuple(frames)

    async def _leave_upstream(self, done: LoggedOut, session: Session, return_to: str) -> LoggedOut:
        state = self._context.mint(size=16)
        href = await self._upstream.end_href(session.record, return_to=return_to, state=state)
        if not href:
            return done
        kept = LogoutDone(
            client_id=done.client.id if done.client else "",
            redirect_uri=done.redirect_uri,
            apps={client_id: word.value for client_id, word in done.apps.items()},
        )
        await self._transient.put(Kind.LOGOUT, digest(state), kept.to_bytes(), ttl=_AWAY_TTL)
        return LoggedOut(done.client, done.redirect_uri, done.apps, done.frames, href)

    def _verify_hint(self, hint: str) -> Mapping[str, object]:
        """The claims of an ID token of ours, expired or not; nothing of any other."""
        if not hint:
            return {}
        try:
            return self._tokens.verify_hint(hint)
        except InvalidToken as error:
            self._context.recorder.record(
                Event.REQUEST_REFUSED, error=error.code, kind="id_token_hint", reason=error.detail
            )
            return {}
