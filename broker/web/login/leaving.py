"""The way to a provider: the buttons people choose by, and the leaving."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from broker.core.authorize.step_up import takes_prompts
from broker.core.clients.client import Client
from broker.core.records import AuthorizationRequest, Authorize, Purpose
from broker.services.authorize.decide import Choose
from broker.services.login.attempts import Logins
from broker.services.login.outcomes import Begun, Offered
from broker.services.providers import Providers
from broker.upstream.model import Channel, Redirect, Widget
from broker.web.http.cookies import Cookies
from broker.web.limits.intake import Intake
from broker.web.login.in_app import system_of
from broker.web.login.returning import LastLogin
from broker.web.pages.frontend import Frontend
from broker.web.pages.persons import Persons
from broker.web.pages.views import Button, ByBotView, ClientView, LeavingView, ReturningView, WidgetView


class Leaving:
    """Shared by the pages that people leave for a provider from."""

    def __init__(
        self,
        frontend: Frontend,
        logins: Logins,
        providers: Providers,
        intake: Intake,
        *,
        last: LastLogin,
        persons: Persons,
        elsewhere: bool,
    ) -> None:
        """`last` is what the browser remembers, `persons` shows who that is.

        `elsewhere`: where a provider refuses this browser, the request may wait for a login in another one.
        """
        self._frontend = frontend
        self._logins = logins
        self._providers = providers
        self._intake = intake
        self._last = last
        self._persons = persons
        self.elsewhere = elsewhere

    async def returning(
        self, request: Request, choose: Choose, href: Callable[[str], str], another_href: str
    ) -> ReturningView | None:
        """Who is offered first: whoever is logged in, else who was the last time; nobody whom it would not help."""
        kept = self._last.person(request) if choose.offers else None
        if choose.known is not None:
            provider, person = choose.known.login.provider, await self._persons.of_login(choose.known.login)
        elif kept is not None and kept.provider in choose.providers:
            provider, person = kept.provider, self._persons.called(kept.name, kept.provider)
        else:
            return None
        if choose.ticket:
            return ReturningView(person, another_href, ticket=choose.ticket)
        button = self._button(provider, href(provider), "", unfit=self.unfit(request))
        return ReturningView(person, another_href, href=button.href) if person.name and not button.notice else None

    def buttons(
        self, request: Request, names: Iterable[str], href: Callable[[str], str], *, marked: bool = True
    ) -> tuple[Button, ...]:
        """One per provider; `href` leads to the provider of a name. `marked`: what was used last comes first."""
        last = self._last.provider(request) if marked else ""
        unfit = self.unfit(request)
        ordered = sorted(names, key=lambda name: (name in unfit, name != last))
        return tuple(self._button(name, href(name), last, unfit=unfit) for name in ordered)

    def unfit(self, request: Request) -> frozenset[str]:
        """The providers that refuse this browser, as far as it says what it is."""
        if system_of(request) is None:
            return frozenset()
        return frozenset(name for name, _ in self._providers.enabled if self._providers.find(name).refuses_embedded)

    def prompt(
        self, request: Request, asked: AuthorizationRequest, client: Client, choose: Choose, *, locale: str
    ) -> Offered | None:
        """An upstream's own prompt for the chooser of this request, where client, request and browser take one."""
        wanted = client.one_tap and choose.offers and takes_prompts(asked)
        fit = (name for name in choose.providers if wanted and name not in self.unfit(request))
        offers = (self._logins.offer(Authorize(asked), client, name, locale=locale) for name in fit)
        # A page has one: the script of an upstream knows of no other attempt than the last.
        return next(filter(None, offers), None)

    async def leave(
        self,
        request: Request,
        purpose: Purpose,
        client: Client | None,
        name: str,
        *,
        shown: Callable[[], ClientView],
        again: Callable[[], str],
        locale: str,
    ) -> Response:
        """A login attempt begins: off to this provider, or its widget on a page of ours.

        What only some ways need is asked when it is needed: how the client is `shown`, and the link that begins
        `again`, which leads to the chooser where there are several ways. `client` as in `Logins.begin`. Raises
        TooManyRequests, ProviderNotOffered or LoginFailed.
        """
        await self._intake.count_start(request)
        begun = await self._logins.begin(purpose, client, name, locale=locale)
        response: Response
        if begun.by_bot or isinstance(begun.step, Widget):
            several = client is None or len(self._providers.offered_to(client)) > 1
            start = f"{self._frontend.base}/bot/{name}/{begun.by_bot}" if begun.by_bot else ""
            view = _view_of(begun, shown(), other_href=again() if several else "", start_action=start)
            response = self._frontend.pages.show(view, locale)
        elif request.method == "POST":
            # A page that navigates: `form-action` would stop a redirect.
            response = self._frontend.pages.show(LeavingView(begun.step.url, begun.title), locale)
        else:
            response = RedirectResponse(begun.step.url, 303, {"referrer-policy": "no-referrer"})
        Cookies.keep_flow(request, response, begun.tag, begun.sealed, ttl=begun.ttl)
        self._intake.visitors.remember(request, response)
        if Channel.FRAGMENT in begun.channels:
            Cookies.keep_again(response, again(), ttl=begun.ttl)
        return response

    def _button(self, name: str, href: str, last: str, *, unfit: frozenset[str]) -> Button:
        instance = self._providers.known(name) or self._providers.find(name)
        off, down_for = self._providers.minutes_off(name), instance.down_for()
        refused = "off" if off is not None else "open_in_browser" if name in unfit else ""
        return Button(
            provider=name,
            kind=instance.icon,
            label=instance.label,
            brand=instance.brand,
            href=href,
            last_used=name == last,
            notice=refused or ("" if down_for is None else "down"),
            minutes=int(down_for or 0) // 60 if off is None else off,
            title=instance.title,
        )


def _view_of(begun: Begun, client: ClientView, *, other_href: str, start_action: str) -> WidgetView | ByBotView:
    """A page of ours on the way: with the provider's widget, with its bot to be opened, or with both."""
    step = begun.step
    if isinstance(step, Redirect):
        return ByBotView(client, begun.title, step.url, start_action, other_href)
    return WidgetView(
        template=step.template,
        context=step.context,
        href=step.url,
        script_origins=step.script_origins,
        frame_origins=step.frame_origins,
        client=client,
        other_href=other_href,
        start_action=start_action,
    )
