"""Pages: a view and a language in, an answer with every security header out.

Nothing on a page comes from another origin, except the script and frames of an upstream's own widget or prompt, the
frames that tell apps of a logout, and the logo of an app that registered itself where it asks to be let in.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from starlette.responses import HTMLResponse

from broker.upstream.abilities import PagePrompt
from broker.upstream.brand import Glyph
from broker.web.http.policy import HEADERS, Policy, form_target, own_picture, safe_href
from broker.web.pages import locale as languages
from broker.web.pages.assets import Assets, Source, StaticFile
from broker.web.pages.icons import Icons
from broker.web.pages.templates import BUILT_IN, Language, Tell, Templates
from broker.web.pages.views import (
    ByBotView,
    ErrorView,
    FormPostView,
    FragmentView,
    JoinView,
    LeavingView,
    LoggedOutView,
    LoginView,
    Look,
    ReturnView,
    View,
    WebMessageView,
    WidgetView,
    template_of,
)

Randomness = Callable[[int], bytes]
_FORMS = tuple(f".{glyph}" if glyph else "" for glyph in Glyph)


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
        icons = {
            f"icons/{kind}{form}.svg": place / f"icon{form}.svg" for kind, place in brought.items() for form in _FORMS
        }
        self._assets = Assets(look, tuple(place for place in (override, BUILT_IN) if place), files, icons)
        self._icons = Icons(self._assets, look)
        filters: Mapping[str, Callable[..., object]] = {"href": safe_href, "picture": own_picture}
        spoken = {locale: Language(locale, self._globals(locale), filters) for locale in look.languages}
        self._templates = Templates(override, spoken, tell=tell, brought=brought)

    @property
    def product_name(self) -> Mapping[str, str]:
        """What this service is called, per language."""
        return self._look.product_name

    def icon_file(self, kind: str) -> tuple[str, Source]:
        """The name of the static file of an icon, and whose it is; "" where the neutral one is shown."""
        return self._assets.icon_file(kind)

    def static(self, name: str) -> StaticFile | None:
        """The static file of this name (`base.css`, `icons/vk.svg`), from memory; None for every other name."""
        return self._assets.get(name)

    def show(self, view: View, locale: str, *, status: int = 200) -> HTMLResponse:
        """The page of a view; an error code without a page of its own is shown as E-INTERNAL.

        Raises ValueError where the browser would be sent to anything but an absolute URL, or there is no such widget.
        """
        name = template_of(view)
        if name not in self._templates.names and isinstance(view, ErrorView):
            name = "error/E-INTERNAL.html"
        if name not in self._templates.names:
            raise ValueError("no such widget template")
        href = _sent_to(view)
        if href is not None and not safe_href(href):
            raise ValueError("a browser is sent to an absolute URL only")
        spoken = locale if locale in self._look.languages else self._look.default_language
        policy = _policy_of(view, self._look)
        nonce = base64.b64encode(self._randomness(16)).decode() if policy.script or policy.style else ""
        body = self._templates.render(spoken, name, view=view, nonce=nonce)
        headers = {**HEADERS, "content-security-policy": policy.text(nonce), "content-language": spoken}
        return HTMLResponse(body, status, _suited(headers, view))

    def _globals(self, locale: str) -> dict[str, object]:
        return {
            "look": self._look,
            "locale": locale,
            "direction": languages.direction(locale),
            "language_names": languages.LANGUAGE_NAMES,
            "pick": lambda texts: languages.pick(texts, locale),  # a partial would let templates reach its parts
            "product": languages.pick(self._look.product_name, locale),
            "asset": self._assets.href,
            "icon": self._assets.icon,
            "glyph": self._icons.shown,
            "dress": self._icons.dress,
        }


def _suited(headers: dict[str, str], view: View) -> dict[str, str]:
    """The headers of a page, as far as this one differs from the others."""
    match view:
        case ErrorView() if view.retry_after > 0:
            return headers | {"retry-after": str(view.retry_after)}
        case WidgetView():  # its frame may open a window of its own
            return headers | {"cross-origin-opener-policy": "same-origin-allow-popups"}
        case LoginView(prompt=PagePrompt()):  # its button, too; and the upstream asks whose page it is on
            opener = {"cross-origin-opener-policy": "same-origin-allow-popups"}
            return headers | opener | {"referrer-policy": "strict-origin"}
        case FragmentView(client=None):  # whose login it is stands behind the #: whoever waits is not cut off
            return headers | {"cross-origin-opener-policy": "unsafe-none"}
        case WebMessageView(framed=True):
            del headers["x-frame-options"]  # knows no origin but ours; `frame-ancestors` says who may
    return headers


def _policy_of(view: View, look: Look) -> Policy:
    """What a page may do beyond showing itself (Content Security Policy)."""
    match view:
        case LoginView() | JoinView():
            return _policy_of_ways(view, look)
        case LoggedOutView():  # the frames of apps may come from exactly their origins
            return Policy(frame_origins=tuple(dict.fromkeys(form_target(frame) for frame in view.frames)))
        case FormPostView():  # may be sent to the client's origin and nowhere else (threat A9)
            return Policy(script=not view.pause, form_action=form_target(view.action))
        case WebMessageView():
            return Policy(script=True, frame_ancestors=form_target(view.origin) if view.framed else "'none'")
        case ByBotView() if view.number:  # asks whether somebody has answered
            return Policy(script=True, asks_us=True)
        case FragmentView():  # what stands behind the # only a script can read
            return Policy(script=True)
        case WidgetView():
            return Policy(script=True, script_origins=view.script_origins, frame_origins=view.frame_origins)
        case _:
            return Policy()


def _policy_of_ways(view: LoginView | JoinView, look: Look) -> Policy:
    """Of a page of ways to sign in; with an upstream's own prompt it runs that upstream's script beside ours."""
    plain = Policy(style=look.button_style == "brand")
    if isinstance(view, JoinView) or view.prompt is None:
        return plain
    shown = view.prompt
    return replace(
        plain,
        script=True,
        script_origins=(shown.script,),
        frame_origins=(shown.loads,),
        style_sources=(shown.styles,),
        connect_sources=(shown.loads,),
    )


def _sent_to(view: View) -> str | None:
    """Where the page takes the browser by itself, None: nowhere."""
    if isinstance(view, LoggedOutView):
        return view.href or None
    return view.href if isinstance(view, ReturnView | LeavingView | WebMessageView) else None
