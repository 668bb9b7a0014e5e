"""Google Identity Services: the script for pages, its button and its prompt.

From developers.google.com/identity/gsi/web (read 2026-11). Where it can, a browser draws the prompt itself (FedCM).
Here it is a frame, so that nothing depends on what a browser of the day knows.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Final, Protocol

from starlette.responses import HTMLResponse, PlainTextResponse, Response

from broker.demo.call import Call, Upstream
from broker.demo.pages import chooser_page, environment, posting_page, render
from broker.demo.people import Person
from broker.demo.rules import documented, guessed, measured
from broker.demo.upstreams.base import Refused, RegisteredApp

GSI_RULES: Final = (
    documented(
        "`/gsi/client` runs on pages of registered origins; a credential has the nonce of its page, `jti` and no "
        "`at_hash`; `select_by` is beside it"
    ),
    measured(
        "the script sets the cookie `g_csrf_token` at the host of its page, so a `login_uri` elsewhere never sees it"
    ),
    guessed("what One Tap and the button look like, and how their windows talk to the script"),
)


class Signs(Upstream, Protocol):
    """The emulated Google, as far as its script needs it."""

    @property
    def apps(self) -> Mapping[str, RegisteredApp]:
        """By client id; `javascript_origins` of its extras are where its pages are, separated by spaces."""

    def ask(self, call: Call, no: Callable[[], Response], page: Callable[[Upstream, Call], str] = ...) -> Person:
        """See `Emulator.ask`."""

    def credential(self, person: Person, app: RegisteredApp, nonce: str) -> str:
        """What the script hands to a page of this app."""


async def _client(google: Signs, call: Call) -> Response:
    script = environment().get_template("gsi-client.js").render()
    return Response(script, media_type="text/javascript", headers={"Cache-Control": "no-cache"})


async def _style(google: Signs, call: Call) -> Response:
    return Response(".g_id_signin { min-height: 44px }", media_type="text/css")


async def _button(google: Signs, call: Call) -> Response:
    """A button that opens the account chooser: in a window, or with `ux_mode=redirect` in place of the page."""
    _app_of(google, call)
    return HTMLResponse(render("gsi-button.html", google, call, origin=call.get("origin")))


async def _prompt(google: Signs, call: Call) -> Response:
    """The small dialog in the corner."""
    app = _app_of(google, call)
    small = partial(chooser_page, template="gsi-prompt.html")
    person = google.ask(call, lambda: _answer(google, call, {"dismissed": "1"}), small)
    return _answer(google, call, {"credential": google.credential(person, app, call.get("nonce")), "select_by": "user"})


async def _select(google: Signs, call: Call) -> Response:
    """The account chooser behind the button. Who cancels is not reported."""
    app = _app_of(google, call)
    person = google.ask(call, lambda: _answer(google, call, {"dismissed": "1"}))
    given = {"credential": google.credential(person, app, call.get("nonce")), "select_by": "btn"}
    given |= {"state": call.get("state")} if call.get("state") else {}
    if call.get("ux_mode") != "redirect":
        return _answer(google, call, given)
    if call.get("login_uri") not in app.redirect_uris:
        return PlainTextResponse("Error 400: redirect_uri_mismatch", status_code=400)
    posted = {**given, "g_csrf_token": call.get("g_csrf_token"), "client_id": app.client_id}
    return HTMLResponse(posting_page(google, call, call.get("login_uri"), posted))


def _answer(google: Signs, call: Call, given: Mapping[str, str]) -> Response:
    """A page that tells whoever waits for it, and that is a page of the app alone."""
    return HTMLResponse(render("gsi-answer.html", google, call, origin=call.get("origin"), message=dict(given)))


def _app_of(google: Signs, call: Call) -> RegisteredApp:
    """The app whose page asks, at an origin that its developer registered; raises Refused."""
    app = google.apps.get(call.get("client_id"))
    if app is None or call.get("origin") not in app.extras.get("javascript_origins", "").split():
        text = "[GSI_LOGGER]: The given origin is not allowed for the given client ID."
        raise Refused(PlainTextResponse(text, status_code=403))
    return app


GSI: Final[Mapping[str, Callable[[Signs, Call], Awaitable[Response]]]] = {
    "client": _client,
    "style": _style,
    "button": _button,
    "prompt": _prompt,
    "select": _select,
}
"""By the last part of the path."""
