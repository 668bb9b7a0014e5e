"""`/account`: people see to their own account, without a script and by forms that are bound to their session."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import Response

from broker.core.errors import InvalidRequest
from broker.core.records import Account, Link
from broker.core.wire.parameters import Parameters
from broker.services.people.changes import AccountChanges, Removal
from broker.services.people.forms import Action
from broker.services.people.linking import Linking
from broker.services.people.page import AccountPage
from broker.web.http.answers import NO_STORE
from broker.web.http.cookies import SESSION, Cookies
from broker.web.http.reading import read_query
from broker.web.limits.intake import Intake
from broker.web.login.leaving import Leaving
from broker.web.pages.frontend import Frontend, day_of
from broker.web.pages.views import AccountDoneView, AccountQuestionView, ClientView, LoginView, View
from broker.web.people.shown import Shown

_THEN = re.compile(r"(?:sign-out|export|delete|(?:unlink|link)/[A-Za-z0-9._~-]{1,64})?")
_ON_THE_PAGE = (Action.KEEP, Action.END, Action.TAKE_BACK, Action.WITHDRAW)


class AccountEndpoints:
    """The page, the questions before what cannot be undone, and the answers."""

    def __init__(
        self,
        frontend: Frontend,
        page: AccountPage,
        changes: AccountChanges,
        *,
        linking: Linking,
        shown: Shown,
        leaving: Leaving,
        intake: Intake,
    ) -> None:
        self._frontend = frontend
        self._page = page
        self._changes = changes
        self._linking = linking
        self._shown = shown
        self._leaving = leaving
        self._intake = intake

    async def get(self, request: Request) -> Response:
        """The page, or the choice of a way to sign in. `another`: whoever is signed in here, somebody else comes."""
        cookie, params = await self._read_query(request)
        visit = await self._page.visit(cookie)
        if visit is None or "another" in params:
            return self._choose(request, params)
        session = visit.session
        tickets = {action.value: self._page.forms.ticket(action, session) for action in _ON_THE_PAGE}
        for name in self._shown.names:
            tickets[f"link/{name}"] = self._page.forms.ticket(Action.LINK, session, about=name)
        notice = self._page.forms.read_notice(params.get("notice", ""), cookie)
        view = self._shown.page(await self._page.show(visit), tickets=tickets, notice=notice)
        return self._show(request, view, params)

    async def login(self, request: Request) -> Response:
        """Off to a provider, for no app. `then` is the page of the question that a fresh login was asked for."""
        cookie, params = await self._read_query(request)
        name, then = params.get("idp_hint", ""), params.get("then", "")
        if not _THEN.fullmatch(then):
            raise InvalidRequest("then is no page of the account")
        visit = await self._page.visit(cookie) if then else None
        purpose = Account(sub=visit.account.sub if visit else "", page=then)
        return await self._leave(request, purpose, name)

    async def ask(self, request: Request) -> Response:
        """The question before what cannot be undone: the path says what is done, and to which way in."""
        action, about = _read_path(request)
        path = f"{action}/{about}" if about else action.value
        cookie, params = await self._read_query(request)
        visit = await self._page.visit(cookie)
        if visit is None:
            return self._choose(request, params, then=path)
        self._page.check(visit, action, about=about)
        link = await self._page.find_link(visit.account.sub, about) if action is Action.UNLINK else None
        if action is Action.UNLINK and link is None:
            return self._back(request, Removal.NONE)
        way = self._shown.way(visit, link) if link else None
        view = AccountQuestionView(
            what=action,
            action=f"{self._frontend.base}/account/{path}",
            ticket=self._page.forms.ticket(action, visit.session, about=about),
            person=self._shown.person(visit),
            language_hrefs=self._frontend.language_hrefs(f"/account/{path}", {}),
            title=way.mark.title if way else self._shown.title(about) if about else {},
            way=way,
            closes_on=self._closes_on(),
        )
        return self._show(request, view, params)

    async def link(self, request: Request) -> Response:
        """Off to the provider that is to be another way in."""
        cookie, params = await self._read_form(request)
        _, name = _read_path(request)
        visit, _ = await self._page.prove(cookie, Action.LINK, params.get("ticket", ""), about=name)
        return await self._leave(request, self._linking.begin(visit.session, name), name)

    async def unlink(self, request: Request) -> Response:
        """A way in is removed; whoever came through it is signed out here, too."""
        cookie, params = await self._read_form(request)
        done = await self._changes.unlink(cookie, params.get("ticket", ""), _read_path(request)[1])
        if done is Removal.SIGNED_OUT:
            return self._done(request, AccountDoneView("unlink"))
        return self._back(request, done)

    async def end(self, request: Request) -> Response:
        """Out of one other browser."""
        cookie, params = await self._read_form(request)
        done = await self._changes.end(cookie, params.get("ticket", ""), params.get("session", ""))
        return self._back(request, "ended" if done else "gone")

    async def sign_out(self, request: Request) -> Response:
        """Out of every other browser."""
        cookie, params = await self._read_form(request)
        await self._changes.sign_out_elsewhere(cookie, params.get("ticket", ""))
        return self._back(request, "signed-out")

    async def take_back(self, request: Request) -> Response:
        """The access of an app is taken back."""
        cookie, params = await self._read_form(request)
        done = await self._changes.take_back(cookie, params.get("ticket", ""), params.get("client_id", ""))
        return self._back(request, "taken-back" if done else "gone")

    async def withdraw(self, request: Request) -> Response:
        """Apps may no longer use an account of theirs elsewhere."""
        cookie, params = await self._read_form(request)
        done = await self._changes.withdraw(cookie, params.get("ticket", ""), params.get("way", ""))
        return self._back(request, "withdrawn" if done else "gone")

    async def export(self, request: Request) -> Response:
        """All that is kept of them, as a file."""
        cookie, params = await self._read_form(request)
        document = await self._page.export(cookie, params.get("ticket", ""))
        headers = NO_STORE | {"content-disposition": 'attachment; filename="account.json"'}
        return Response(document, 200, headers, "application/json")

    async def delete(self, request: Request) -> Response:
        """The account is to be deleted; they are signed out."""
        cookie, params = await self._read_form(request)
        closes_at = await self._changes.close(cookie, params.get("ticket", ""))
        if closes_at is None:
            return self._done(request, AccountDoneView("deleted"))
        return self._done(request, AccountDoneView("closing", day_of(closes_at)))

    async def keep(self, request: Request) -> Response:
        """It is not to be deleted after all."""
        cookie, params = await self._read_form(request)
        done = await self._changes.keep(cookie, params.get("ticket", ""))
        return self._back(request, "kept" if done else "gone")

    async def _read_query(self, request: Request) -> tuple[str, Parameters]:
        """The session's cookie and the query; a visit counts before anything is looked up (threats K21)."""
        await self._intake.count("account", request)
        return Cookies.read(request, SESSION), read_query(request)

    async def _read_form(self, request: Request) -> tuple[str, Parameters]:
        """The session's cookie and the form of ours; counted as a visit is."""
        await self._intake.count("account", request)
        self._frontend.check_own_form(request)
        return Cookies.read(request, SESSION), await self._intake.read_form(request)

    async def _leave(self, request: Request, purpose: Account | Link, name: str) -> Response:
        return await self._leaving.leave(
            request,
            purpose,
            None,
            name,
            shown=self._us,
            again=lambda: self._frontend.href("/account", {"another": "1"}),
            locale=self._frontend.locale(request, ui_locales=read_query(request).get("ui_locales", "")),
        )

    def _choose(self, request: Request, params: Parameters, *, then: str = "") -> Response:
        sent = {"then": then} if then else {}
        view = LoginView(
            client=self._us(),
            buttons=self._leaving.buttons(
                request,
                self._shown.in_place,
                lambda name: self._frontend.href("/account/login", {"idp_hint": name, **sent}),
            ),
            language_hrefs=self._frontend.language_hrefs(f"/account/{then}" if then else "/account", {}),
        )
        return self._show(request, view, params)

    def _closes_on(self) -> str:
        closes_at = self._changes.closes_at()
        return "" if closes_at is None else day_of(closes_at)

    def _us(self) -> ClientView:
        """The app that people sign in to here: this service itself."""
        return ClientView(self._frontend.pages.product_name)

    def _show(self, request: Request, view: View, params: Parameters) -> Response:
        locale = self._frontend.locale(request, ui_locales=params.get("ui_locales", ""))
        response: Response = self._frontend.pages.show(view, locale)
        if "ui_locales" in params:
            Cookies.remember_language(response, locale)
        return response

    def _back(self, request: Request, word: str) -> Response:
        """To the page, which says what was done."""
        notice = self._page.forms.notice(word, Cookies.read(request, SESSION))
        return self._frontend.leave_to(self._frontend.href("/account", {"notice": notice}))

    def _done(self, request: Request, view: AccountDoneView) -> Response:
        """They are not signed in any more, so the page they came from cannot say what was done.

        The way they came by is theirs no more, or its account is to go: it is not marked as the one to use again.
        """
        response = self._frontend.pages.show(view, self._frontend.locale(request))
        Cookies.sign_out(response)
        Cookies.forget_provider(response)
        return response


def _read_path(request: Request) -> tuple[Action, str]:
    """What is done, by the path, and to which way in, "" where it is about all of the account."""
    about: str = request.path_params.get("way", "")
    parts = str(request.scope["path"]).removesuffix(f"/{about}" if about else "")
    return Action(parts.rpartition("/")[2]), about
