"""Pages: a view and a language in, an answer with every security header out.

Nothing on a page comes from another origin, except the script and frame of an upstream's own widget, the frames that
tell apps of a logout, and the logo of an app that registered itself where it asks to be let in.
"""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from starlette.responses import HTMLResponse

from broker.web.http.policy import HEADERS, Policy, form_target, own_picture, safe_href
from broker.web.pages import locale as languages
from broker.web.pages.assets import Assets, StaticFile
from broker.web.pages.colour import button_colours
from broker.web.pages.templates import BUILT_IN, Language, Tell, Templates
from broker.web.pages.views import (
    Button,
    ConsentView,
    DeviceCodeView,
    DeviceConfirmView,
    DeviceDoneView,
    EnterView,
    ErrorView,
    FormPostView,
    FragmentView,
    HomeView,
    LoggedOutView,
    LoginView,
    LogoutView,
    Look,
    ReturnView,
    View,
    WidgetView,
    template_of,
)

Randomness = Callable[[int], bytes]

_PLAIN = Policy()
_CSS_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_\-]*")
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


def _branded(buttons: Sequence[Button]) -> list[tuple[str, str, str]]:
    """(provider, ground, text) for the buttons whose name and colour can stand in a style sheet as they are."""
    return [
        (button.provider, *button_colours(button.brand))
        for button in buttons
        if _CSS_NAME.fullmatch(button.provider) and _COLOUR.fullmatch(button.brand)
    ]


class Pages:
    """Every page in every language. `override` is a directory whose files win over ours, one by one.

    `files` adds static files by name (logos: `{"logo.svg": Path(...)}`), `brought` are the folders of provider types
    with an icon and pages of their own, by type: they add to ours and replace nothing. All are read and compiled here,
    and the operator's pages rendered with sample views: `tell` hears of each that fails, then or later, and ours is
    shown in its place. `randomness` gives that many bytes for a nonce.
    """

    def __init__(
        self,
        look: Look,
        *,
        override: Path | None = None,
        files: Mapping[str, Path] = MappingProxyType({}),
        brought: Mapping[str, Path] = MappingProxyType({}),
        randomness: Randomness = secrets.token_bytes,
        tell: Tell = lambda template, reason: None,
    ) -> None:
        self._look = look
        self._randomness = randomness
        icons = {f"icons/{kind}.svg": place / "icon.svg" for kind, place in brought.items()}
        self._assets = Assets(look, tuple(place for place in (override, BUILT_IN) if place), files, icons)
        filters: Mapping[str, Callable[..., object]] = {"href": safe_href, "branded": _branded, "picture": own_picture}
        spoken = {locale: Language(locale, self._globals(locale), filters) for locale in look.languages}
        self._templates = Templates(override, spoken, tell=tell, brought=brought)

    def icons_drawn_by_us(self, kinds: Iterable[str]) -> list[str]:
        """The provider types whose icon is our placeholder; their owners want their own shown."""
        return self._assets.drawn_by_us(kinds)

    def static(self, name: str) -> StaticFile | None:
        """The static file of this name (`base.css`, `icons/vk.svg`), from memory; None for every other name."""
        return self._assets.get(name)

    def login(self, view: LoginView, locale: str, *, status: int = 200) -> HTMLResponse:
        """The provider chooser."""
        policy = Policy(style=self._look.button_style == "brand")
        return self._answer(view, locale, status, policy)

    def consent(self, view: ConsentView, locale: str, *, status: int = 200) -> HTMLResponse:
        """May this app know these things?"""
        return self._answer(view, locale, status)

    def device_code(self, view: DeviceCodeView, locale: str, *, status: int = 200) -> HTMLResponse:
        """What does your device show?"""
        return self._answer(view, locale, status)

    def device_confirm(self, view: DeviceConfirmView, locale: str, *, status: int = 200) -> HTMLResponse:
        """Is that your device?"""
        return self._answer(view, locale, status)

    def device_done(self, view: DeviceDoneView, locale: str, *, status: int = 200) -> HTMLResponse:
        """Go back to it."""
        return self._answer(view, locale, status)

    def enter(self, view: EnterView, locale: str, *, status: int = 200) -> HTMLResponse:
        """Continue as this person?"""
        return self._answer(view, locale, status)

    def logout(self, view: LogoutView, locale: str, *, status: int = 200) -> HTMLResponse:
        """Sign out of everything?"""
        return self._answer(view, locale, status)

    def logged_out(self, view: LoggedOutView, locale: str, *, status: int = 200) -> HTMLResponse:
        """Signed out, and who was told. The frames of apps may come from exactly their origins."""
        if view.href and not safe_href(view.href):
            raise ValueError("a browser is sent to an absolute URL only")
        origins = tuple(dict.fromkeys(form_target(frame) for frame in view.frames))
        return self._answer(view, locale, status, Policy(frame_origins=origins))

    def error(self, view: ErrorView, locale: str, *, status: int = 400) -> HTMLResponse:
        """What happened and what to do; a code without a page of its own is shown as E-INTERNAL."""
        name = template_of(view)
        name = name if name in self._templates.names else "error/E-INTERNAL.html"
        answer = self._answer(view, locale, status, name=name)
        if view.retry_after > 0:
            answer.headers["retry-after"] = str(view.retry_after)
        return answer

    def returned(self, view: ReturnView, locale: str, *, status: int = 200) -> HTMLResponse:
        """A page that navigates to the client by GET: at once where the browser lets it, else by a tap."""
        if not safe_href(view.href):
            raise ValueError("a browser is returned to an absolute URL only")
        return self._answer(view, locale, status)

    def form_post(self, view: FormPostView, locale: str, *, status: int = 200) -> HTMLResponse:
        """The authorization response as a form; may be sent to the client's origin and nowhere else (threat A9)."""
        policy = Policy(script=not view.pause, form_action=form_target(view.action))
        return self._answer(view, locale, status, policy)

    def fragment(self, view: FragmentView, locale: str, *, status: int = 200) -> HTMLResponse:
        """The landing page for an answer behind the `#`, the only page of ours that needs a script."""
        return self._answer(view, locale, status, Policy(script=True))

    def widget(self, view: WidgetView, locale: str, *, status: int = 200) -> HTMLResponse:
        """An upstream's widget; its frame may open a window of its own, hence the wider opener policy."""
        if template_of(view) not in self._templates.names:
            raise ValueError("no such widget template")
        policy = Policy(script=True, script_origins=view.script_origins, frame_origins=view.frame_origins)
        answer = self._answer(view, locale, status, policy)
        answer.headers["cross-origin-opener-policy"] = "same-origin-allow-popups"
        return answer

    def home(self, view: HomeView, locale: str, *, status: int = 200) -> HTMLResponse:
        """What stands at the issuer itself."""
        return self._answer(view, locale, status)

    def show(self, view: View, locale: str, *, status: int = 200) -> HTMLResponse:
        """Any page: by its kind of view."""
        special: Mapping[type, Callable[..., HTMLResponse]] = {
            LoginView: self.login,
            ConsentView: self.consent,
            LoggedOutView: self.logged_out,
            ErrorView: self.error,
            ReturnView: self.returned,
            FormPostView: self.form_post,
            FragmentView: self.fragment,
            WidgetView: self.widget,
        }
        kind = special.get(type(view))
        return kind(view, locale, status=status) if kind else self._answer(view, locale, status)

    def _answer(self, view: View, locale: str, status: int, policy: Policy = _PLAIN, name: str = "") -> HTMLResponse:
        spoken = locale if locale in self._look.languages else self._look.default_language
        nonce = base64.b64encode(self._randomness(16)).decode() if policy.script or policy.style else ""
        body = self._templates.render(spoken, name or template_of(view), view=view, nonce=nonce)
        headers = {**HEADERS, "content-security-policy": policy.text(nonce), "content-language": spoken}
        return HTMLResponse(body, status, headers)

    def _globals(self, locale: str) -> dict[str, object]:
        def pick(texts: Mapping[str, str]) -> str:
            return texts.get(locale) or texts.get("en") or next(iter(texts.values()), "")

        return {
            "look": self._look,
            "locale": locale,
            "direction": languages.direction(locale),
            "language_names": languages.LANGUAGE_NAMES,
            "pick": pick,
            "product": pick(self._look.product_name),
            "asset": self._assets.href,
            "icon": self._assets.icon,
        }
