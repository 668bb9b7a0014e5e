"""What each page needs to know: plain values, filled by endpoints, rendered by `broker.web.pages.pages`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import get_args

from broker.upstream.abilities import PagePrompt
from broker.upstream.brand import Brand
from broker.web.pages.account_parts import Activity, Mark, SignedIn, Way
from broker.web.pages.elsewhere import Elsewhere, UsedElsewhere


@dataclass(frozen=True, slots=True)
class Look:
    """What is the same on every page; from `ui` of config.yaml. Paths are relative to the issuer."""

    product_name: Mapping[str, str]
    base_path: str = ""
    logo_href: str = ""
    accent: str = "#2563eb"
    theme: str = "auto"
    button_style: str = "neutral"
    privacy: str = ""
    terms: str = ""
    support: str = ""
    languages: tuple[str, ...] = ("en", "ru")
    default_language: str = "en"
    emulated: bool = False


@dataclass(frozen=True, slots=True)
class ClientView:
    """An app as people see it. `host` is where people are returned to: the one thing it cannot make up.

    `logo_href` is a file of the operator's. An app that `registered` itself says the rest: `own_logo_href` is a
    `data:` URI that we fetched when it registered.
    """

    name: Mapping[str, str]
    host: str = ""
    logo_href: str = ""
    registered: bool = False
    own_logo_href: str = ""
    policy_href: str = ""
    terms_href: str = ""


@dataclass(frozen=True, slots=True)
class PersonView:
    """Somebody. `name` as their provider tells it and `initials` of it, both "" where it tells none.

    `kind` names the icon, and `provider_name` is the plain name of their provider; both empty where it is gone.
    """

    name: str
    initials: str
    kind: str
    provider_name: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AskedScope:
    """One scope that an app asks for. `told` are the claims it comes to now, by name; none where nothing is known.

    `optional`: the person may leave it out, by a check box named `scope-` and its name, which is `marked` or not.
    """

    name: str
    told: Mapping[str, str] = field(default_factory=dict)
    optional: bool = False
    marked: bool = True


@dataclass(frozen=True, slots=True)
class Button:
    """One way to sign in. `label` per language; `kind` names the icon, `brand` is how it looks filled.

    `notice`: "open_in_browser" where an in-app browser will be refused by the upstream; "down" when it does not answer,
    "off" while an operator has it switched off and it leads nowhere, each for `minutes` now. `title` is the plain name
    of its service, where a page says it.
    """

    provider: str
    kind: str
    label: Mapping[str, str]
    brand: Brand
    href: str
    last_used: bool = False
    notice: str = ""
    minutes: int = 0
    title: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReturningView:
    """Somebody whom this browser knows, to be offered first.

    They go on by `href`, to their provider, or by a form that POSTs `ticket` to `{base_path}/continue`; one of them is
    "". `another_href` is the same page without them.
    """

    person: PersonView
    another_href: str
    href: str = ""
    ticket: str = ""


@dataclass(frozen=True, slots=True)
class LoginView:
    """The provider chooser. `language_hrefs` lead to the same page in another language.

    `notice` is the code of an error page that explains why the chooser is shown again, or "" (E-CANCEL, E-UPSTREAM,
    E-NOTALLOWED, E-OFF, E-EXPIRED and E-COOKIE have words of their own); `notice_provider` the plain name it speaks of.
    `sign_up`: the app sent somebody who is to be new (`prompt=create`). `returning`: who is offered first, or None.
    `refused` are ways that do not work in this browser; a form POSTs to `elsewhere_href`, or "", to wait for another.
    `prompt`: what an upstream's own prompt needs, or None.
    """

    client: ClientView
    buttons: tuple[Button, ...]
    language_hrefs: Mapping[str, str]
    notice: str = ""
    notice_provider: Mapping[str, str] = field(default_factory=dict)
    sign_up: bool = False
    returning: ReturningView | None = None
    refused: tuple[Button, ...] = ()
    elsewhere_href: str = ""
    prompt: PagePrompt | None = None


@dataclass(frozen=True, slots=True)
class ConsentView:
    """The question whether the app may know these things, and use APIs (`resources`) and accounts `elsewhere`.

    `another_href` leads to the chooser, with the same request. The form POSTs `ticket`, the boxes that are marked, and
    `answer` to `{base_path}/consent`: `deny`, `allow` for all that is asked, or, where there are boxes, `selected`.
    """

    client: ClientView
    scopes: tuple[AskedScope, ...]
    person: PersonView
    another_href: str
    ticket: str
    language_hrefs: Mapping[str, str]
    resources: tuple[str, ...] = ()
    elsewhere: tuple[Elsewhere, ...] = ()


@dataclass(frozen=True, slots=True)
class DeviceCodeView:
    """Where the code of a device is typed. `user_code` is filled in; `wrong`: the last one was none.

    The form POSTs `user_code` to `{base_path}/device`.
    """

    user_code: str
    wrong: bool
    language_hrefs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ElsewhereView:
    """A window that waits for a login in another browser, where `user_code` is typed on `page`.

    `open_href` opens it there, or is "". The form POSTs `ticket` and `number` to `{base_path}/elsewhere/done`; `missed`
    is why the last one led nowhere: `early`, `wrong`, or "". `other_href` leads back to the chooser.
    """

    client: ClientView
    user_code: str
    page: str
    open_href: str
    other_href: str
    ticket: str
    missed: str
    language_hrefs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class DeviceConfirmView:
    """The question whether that is one's own device; or `window` of an app.

    `place` is where the device asked from, coarsely, or ""; `near`: this browser is there, too. It asked `minutes` ago.
    `another_href` and the form are as in ConsentView, which POSTs to `{base_path}/device/confirm`.
    """

    client: ClientView
    scopes: tuple[AskedScope, ...]
    person: PersonView
    another_href: str
    user_code: str
    minutes: int
    place: str
    near: bool
    resources: tuple[str, ...]
    ticket: str
    language_hrefs: Mapping[str, str]
    window: bool = False


@dataclass(frozen=True, slots=True)
class DeviceDoneView:
    """The device has its answer; `allowed` or not. `number`: what the window of an app is told, "" for a device."""

    client: ClientView
    allowed: bool
    number: str = ""


@dataclass(frozen=True, slots=True)
class EnterView:
    """`Continue as …`: an identity arrived that nobody asked for, and the person decides.

    `another_href` is where the app begins a login. The form POSTs `ticket` and `answer` (`allow` or `deny`) to
    `action`.
    """

    client: ClientView
    person: PersonView
    another_href: str
    ticket: str
    action: str
    language_hrefs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JoinView:
    """The question whether somebody nobody knows has an account here already, in the middle of a login.

    `person` is who they showed to be. `buttons` lead to the ways by which they show that they have one. `address` is
    theirs, where the page says that an account has it, else ""; `missed` the plain name of the provider at which they
    looked in vain. The form POSTs `ticket` and `answer=new` to `{base_path}/join`.
    """

    client: ClientView
    person: PersonView
    buttons: tuple[Button, ...]
    ticket: str
    language_hrefs: Mapping[str, str]
    address: str = ""
    missed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LinkView:
    """The question whether `added` is to be a way into the account of `person`; `address` is theirs there, or "".

    The form POSTs `ticket` and `answer` (`allow` or `deny`) to `{base_path}/account/link/confirm`. `client` asked
    for it and gets them back, where an app did.
    """

    person: PersonView
    added: PersonView
    address: str
    ticket: str
    language_hrefs: Mapping[str, str]
    client: ClientView | None = None


@dataclass(frozen=True, slots=True)
class MergeView:
    """The question whether the account that `added` opens is to become part of the account of `person`.

    `ways` are those into the account that stays, `others` those that move. The form is that of LinkView.
    """

    person: PersonView
    added: PersonView
    ways: tuple[PersonView, ...]
    others: tuple[PersonView, ...]
    ticket: str
    language_hrefs: Mapping[str, str]
    client: ClientView | None = None


@dataclass(frozen=True, slots=True)
class LogoutView:
    """The question whether to sign out of everything; `client` asked for it, or is empty.

    The form POSTs `ticket` and `answer` (`logout` or `stay`) to `{base_path}/logout/confirm`. `problem` is one sentence
    for the app's developer (English, ours) where the request proved nothing or leads nowhere; "" where all is well.
    """

    client: ClientView
    person: PersonView
    ticket: str
    language_hrefs: Mapping[str, str]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ToldApp:
    """An app and how far it was told: `told`, `waiting`, `failed` or `by_browser`."""

    name: Mapping[str, str]
    outcome: str


@dataclass(frozen=True, slots=True)
class LoggedOutView:
    """Somebody is signed out. `frames` are loaded out of sight, so that the browser tells those apps.

    With `href` the page goes on there after `wait` seconds. `client` is the app that asked, or empty. `problem` as in
    LogoutView.
    """

    client: ClientView
    apps: tuple[ToldApp, ...]
    frames: tuple[str, ...] = ()
    href: str = ""
    wait: int = 0
    home_href: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class AppAccess:
    """What an app may do for somebody, since `since`, a day in ISO 8601, or "". `offline`: while they are away, too."""

    client_id: str
    client: ClientView
    scopes: tuple[str, ...]
    resources: tuple[str, ...]
    since: str
    offline: bool


@dataclass(frozen=True, slots=True)
class AccountView:
    """The account page.

    `sub` is the number of the account, for support. `another_href` leads to the chooser. `addable` are the providers
    that may be linked. `tickets` by what a form does; it POSTs its `ticket` and what it is about to
    `{base_path}/account/{that}`. `closes_on`: the day on which the account is deleted, or "": then it can be kept, and
    little else. `notice` is a word for what was done a moment ago, or "".
    """

    sub: str
    person: PersonView
    another_href: str
    ways: tuple[Way, ...]
    addable: tuple[Mark, ...]
    sessions: tuple[SignedIn, ...]
    apps: tuple[AppAccess, ...]
    activity: tuple[Activity, ...]
    tickets: Mapping[str, str]
    language_hrefs: Mapping[str, str]
    closes_on: str = ""
    notice: str = ""
    elsewhere: tuple[UsedElsewhere, ...] = ()


@dataclass(frozen=True, slots=True)
class AccountQuestionView:
    """What cannot be undone is asked first: `what` is `link`, `unlink`, `sign-out`, `export` or `delete`.

    The form POSTs `ticket` to `action`. `title` is the plain name of the provider that is to be added or removed, `way`
    the one to be removed; `closes_on` the day of the deletion, "" for
    at once.
    """

    what: str
    action: str
    ticket: str
    person: PersonView
    language_hrefs: Mapping[str, str]
    title: Mapping[str, str] = field(default_factory=dict)
    way: Way | None = None
    closes_on: str = ""


@dataclass(frozen=True, slots=True)
class AccountDoneView:
    """They are signed out by what they did: `what` is `unlink`, `closing` (on `closes_on`) or `deleted`."""

    what: str
    closes_on: str = ""


@dataclass(frozen=True, slots=True)
class DeletionView:
    """What came of it that somebody asked at a provider to be deleted: `gone`, `closing` (on `closes_on`), `parted`,
    `nobody`, `blocked`, `in_use`, or `unknown`, where nothing else is known. `confirmation` is what they call the case.
    """

    what: str
    language_hrefs: Mapping[str, str]
    provider_name: Mapping[str, str] = field(default_factory=dict)
    confirmation: str = ""
    asked_on: str = ""
    closes_on: str = ""


@dataclass(frozen=True, slots=True)
class ErrorView:
    """What happened and what to do. `page` is one of the codes of docs/reference/errors.md, `reference` the request id.

    `at` is the time in ISO 8601. `error` is the OAuth error code, `hint` one sentence for the app's developer (English,
    ours, never an echo). `provider_name` is the plain name ("Google"), not the text of its button. The hrefs become
    buttons where the page has a use for them: `retry_href` the same again, `other_href` the chooser, `home_href` the
    app. `retry_after` is in seconds and also becomes the header of that name. `sent` is what came where it does not
    fit, `same` how many of its characters do, and `registered` what would have fitted, where that may be shown.
    `account_href` is the account page, where that is the way on; `closes_on` the day on which the account is deleted.
    """

    page: str
    reference: str
    at: str
    error: str = ""
    hint: str = ""
    provider_name: Mapping[str, str] = field(default_factory=dict)
    client: ClientView | None = None
    retry_href: str = ""
    other_href: str = ""
    home_href: str = ""
    retry_after: int = 0
    sent: str = ""
    same: int = 0
    registered: str = ""
    account_href: str = ""
    closes_on: str = ""


@dataclass(frozen=True, slots=True)
class ReturnView:
    """`You are being returned`: a page that navigates by GET, for answers to a POST and for private-use schemes.

    With `pause` it stays until the person goes on: nobody was asked anything yet, and nobody verified the app.
    """

    href: str
    client: ClientView
    pause: bool = False


@dataclass(frozen=True, slots=True)
class LeavingView:
    """On the way to a provider, at `href`: a page that navigates by GET, after a form of ours."""

    href: str
    provider_name: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class FormPostView:
    """The authorization response as a form that posts itself to the client (OAuth 2.0 Form Post Response Mode).

    `pause` as in ReturnView.
    """

    action: str
    fields: Mapping[str, str]
    client: ClientView
    pause: bool = False


@dataclass(frozen=True, slots=True)
class WebMessageView:
    """The authorization response as a message to the window that opened this one, which then closes itself.

    It is for `origin` alone; where nobody opened this window, it goes on to `href`. `framed`: a page of that origin
    may have it in a frame, and is told there (Web Message Response Mode).
    """

    origin: str
    fields: Mapping[str, str]
    href: str
    client: ClientView
    framed: bool = False


@dataclass(frozen=True, slots=True)
class FragmentView:
    """The landing page that hands a fragment to the broker. `action` is the callback itself.

    The script POSTs one field, `fragment`: what stood behind the `#`, as it was (`a=1&b=2`, still encoded). With a
    `client` it is the page of a Mini App of `provider_name`, and `retry_href` is where the app begins a login.
    """

    action: str
    retry_href: str = ""
    client: ClientView | None = None
    provider_name: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WidgetView:
    """A page of ours with an upstream's widget: a template below templates/widget/ and its data.

    `start_action` as in ByBotView, "" where there is no bot to open.
    """

    template: str
    context: Mapping[str, str]
    href: str
    script_origins: tuple[str, ...]
    frame_origins: tuple[str, ...]
    client: ClientView
    other_href: str = ""
    start_action: str = ""


@dataclass(frozen=True, slots=True)
class ByBotView:
    """Two ways at a provider: its own page, at `href`, or its bot, by a form that POSTs nothing to `start_action`.

    Then it waits for somebody in a chat: `href` opens the bot, and `number` is what they press there.
    """

    client: ClientView
    provider_name: Mapping[str, str]
    href: str
    start_action: str = ""
    other_href: str = ""
    number: str = ""


@dataclass(frozen=True, slots=True)
class HomeView:
    """The page at the issuer itself, for the developer who looks there first."""

    issuer: str
    discovery_href: str


View = (
    LoginView
    | ConsentView
    | LogoutView
    | LoggedOutView
    | DeviceCodeView
    | DeviceConfirmView
    | DeviceDoneView
    | ElsewhereView
    | EnterView
    | AccountView
    | AccountQuestionView
    | AccountDoneView
    | DeletionView
    | JoinView
    | LinkView
    | MergeView
    | LeavingView
    | ErrorView
    | ReturnView
    | FormPostView
    | WebMessageView
    | FragmentView
    | WidgetView
    | ByBotView
    | HomeView
)

DATA = frozenset(
    {AskedScope, Button, ClientView, PersonView, ReturningView, ToldApp, Look, PagePrompt}
    | {Mark, Way, SignedIn, AppAccess, Activity}
    | set(get_args(View))
)
"""Every class a template meets."""

_TEMPLATES: Mapping[type, str] = {
    LoginView: "login.html",
    ConsentView: "consent.html",
    LogoutView: "logout.html",
    LoggedOutView: "logged_out.html",
    DeviceCodeView: "device.html",
    DeviceConfirmView: "device_confirm.html",
    DeviceDoneView: "device_done.html",
    ElsewhereView: "elsewhere.html",
    EnterView: "enter.html",
    AccountView: "account.html",
    AccountQuestionView: "account_question.html",
    AccountDoneView: "account_done.html",
    DeletionView: "deletion.html",
    JoinView: "join.html",
    LinkView: "link.html",
    MergeView: "merge.html",
    ByBotView: "by_bot.html",
    LeavingView: "leaving.html",
    ReturnView: "return.html",
    FormPostView: "form_post.html",
    WebMessageView: "web_message.html",
    FragmentView: "fragment.html",
    HomeView: "home.html",
}


def template_of(view: View) -> str:
    """The template that shows this view."""
    if isinstance(view, ErrorView):
        return f"error/{view.page}.html"
    return f"widget/{view.template}" if isinstance(view, WidgetView) else _TEMPLATES[type(view)]
