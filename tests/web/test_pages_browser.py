"""Pages in Chromium, handed to it without a server: what scripts, forms, focus and sizes really do."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, Request, Route
from starlette.responses import HTMLResponse

from broker.web.pages.assets import STATIC_HEADERS
from broker.web.pages.views import FormPostView, FragmentView, LoggedOutView, ReturnView
from tests.browser.axe import violations
from tests.web.page_samples import LOCALES, every_page, make_client, make_consent, make_error, make_pages

pytestmark = pytest.mark.browser
ORIGIN = "https://id.example.com"
PAGES = make_pages()
Show = Callable[..., Page]


@pytest.fixture
def sent() -> list[Request]:
    """Every request but those for static files."""
    return []


@pytest.fixture
def show(chromium: Browser, sent: list[Request]) -> Iterator[Show]:
    """Opens `answer` as if it came from the broker; whatever else is asked for gets an empty page."""
    contexts = []

    def open_page(answer: HTMLResponse, *, path: str = "/page", script: bool = True, width: int = 390) -> Page:
        context = chromium.new_context(java_script_enabled=script, viewport={"width": width, "height": 700})
        contexts.append(context)
        context.set_default_timeout(10_000)

        def fulfil(route: Route) -> None:
            url = route.request.url
            static = PAGES.static(url.partition("/static/")[2].partition("?")[0])
            if static:
                headers = {**STATIC_HEADERS, "content-type": static.content_type}
                route.fulfill(body=static.body, headers=headers)
                return
            sent.append(route.request)
            if url.partition("#")[0] == ORIGIN + path and route.request.method == "GET":
                route.fulfill(status=answer.status_code, body=bytes(answer.body), headers=dict(answer.headers))
            else:
                route.fulfill(body="<p id=arrived>arrived</p>", content_type="text/html")

        context.route("**/*", fulfil)
        return context.new_page()

    yield open_page
    for context in contexts:
        context.close()


def complaints(page: Page) -> list[str]:
    """What the browser complains about from now on, above all breaches of the policy."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    return said


def test_c13_a_fragment_without_state_is_sent_nowhere(show: Show, sent: list[Request]) -> None:
    page = show(PAGES.show(FragmentView("/callback/ok", "/again"), "en"), path="/callback/ok")
    page.goto(f"{ORIGIN}/callback/ok#access_token=stolen&session_secret_key=k")
    page.wait_for_selector("#nothing", state="visible")
    assert [request.method for request in sent] == ["GET"]
    assert page.url == f"{ORIGIN}/callback/ok"
    assert page.evaluate("document.activeElement.id") == "nothing"
    page.click("#retry")
    assert page.url == f"{ORIGIN}/again"


@pytest.mark.parametrize("fragment", ["access_token=a%26b&state=s", "tgAuthResult=eyJpZCI6MX0"])
def test_c13_a_fragment_is_taken_off_the_address_and_posted_once(
    show: Show, sent: list[Request], fragment: str
) -> None:
    page = show(PAGES.show(FragmentView("/callback/ok?x=1"), "en"), path="/callback/ok?x=1")
    said = complaints(page)
    page.goto(f"{ORIGIN}/callback/ok?x=1#{fragment}")
    page.wait_for_selector("#arrived")
    posted = [request for request in sent if request.method == "POST"]
    assert [request.url for request in posted] == [f"{ORIGIN}/callback/ok?x=1"]
    assert posted[0].post_data_json == {"fragment": fragment}
    page.go_back()
    assert "#" not in page.url
    assert said == []


MINI_APP = FragmentView("/miniapp/telegram/shop", "https://shop.example.com/login", make_client(), {"en": "Telegram"})


@pytest.mark.parametrize("fragment", ["state=s&tgAuthResult=e30", "tgWebAppVersion=9", "tgWebAppData="])
def test_c11_the_page_of_a_mini_app_takes_nothing_but_its_own_data(
    show: Show, sent: list[Request], fragment: str
) -> None:
    page = show(PAGES.show(MINI_APP, "en"), path="/miniapp/telegram/shop")
    page.goto(f"{ORIGIN}/miniapp/telegram/shop#{fragment}")
    page.wait_for_selector("#nothing", state="visible")
    assert [request.method for request in sent] == ["GET"]
    assert "#" not in page.url


def test_c11_the_data_of_a_mini_app_is_taken_off_the_address_and_posted_once(show: Show, sent: list[Request]) -> None:
    page = show(PAGES.show(MINI_APP, "en"), path="/miniapp/telegram/shop")
    said = complaints(page)
    hostile = "tgWebAppData=%3Cscript%3Ealert(1)%3C%2Fscript%3E%26hash%3Dx&tgWebAppVersion=9.1"
    page.goto(f"{ORIGIN}/miniapp/telegram/shop#{hostile}")
    page.wait_for_selector("#arrived")
    posted = [request for request in sent if request.method == "POST"]
    assert [request.post_data_json for request in posted] == [{"fragment": hostile}]
    assert said == []


def test_the_fragment_page_says_that_it_needs_a_script(show: Show) -> None:
    page = show(PAGES.show(FragmentView("/callback/ok", "/again"), "ru"), script=False)
    page.goto(f"{ORIGIN}/page")
    assert page.is_visible("#no-script")
    assert page.is_visible("#retry")


@pytest.mark.parametrize("script", [True, False])
def test_a_form_post_reaches_the_client_with_and_without_a_script(
    show: Show, sent: list[Request], script: bool
) -> None:
    fields = {"code": "c", "state": '"><script>alert(1)</script>', "iss": ORIGIN}
    page = show(PAGES.show(FormPostView("https://shop.example.com/cb", fields, make_client()), "en"), script=script)
    page.goto(f"{ORIGIN}/page")
    if not script:
        page.click("#continue")
    page.wait_for_selector("#arrived")
    assert (sent[-1].url, sent[-1].post_data_json) == ("https://shop.example.com/cb", fields)


def test_a9_a_form_cannot_be_turned_to_another_origin(show: Show, sent: list[Request]) -> None:
    answer = PAGES.show(FormPostView("https://shop.example.com/cb", {"code": "c"}, make_client()), "en")
    answer.body = bytes(answer.body).replace(b"https://shop.example.com/cb", b"https://evil.example/cb")
    answer.headers["content-length"] = str(len(answer.body))
    page = show(answer, script=False)
    said = complaints(page)
    page.goto(f"{ORIGIN}/page")
    page.click("#continue", no_wait_after=True)
    page.wait_for_timeout(200)  # nothing marks the end of what must not happen
    assert [request.url for request in sent] == [f"{ORIGIN}/page"]
    assert "form-action" in "".join(said)


@pytest.mark.parametrize("script", [True, False])
def test_the_return_page_goes_on_by_itself(show: Show, script: bool) -> None:
    href = "https://shop.example.com/cb?code=a&state=%22'x&iss=i"
    page = show(PAGES.show(ReturnView(href, make_client()), "en"), script=script)
    page.goto(f"{ORIGIN}/page")
    page.wait_for_selector("#arrived")
    assert page.url in {href, href.replace("'", "%27")}


@pytest.mark.parametrize(("answer", "said"), [("allow", "selected"), ("deny", "deny")])
def test_consent_is_answered_without_a_script(show: Show, sent: list[Request], answer: str, said: str) -> None:
    view = make_consent()
    page = show(PAGES.show(view, "ru"), script=False)
    page.goto(f"{ORIGIN}/page")
    page.click("text=Номер телефона")  # the whole row is the label of its box
    page.click(f"#{answer}")
    page.wait_for_selector("#arrived")
    assert sent[-1].url == f"{ORIGIN}/consent"
    posted = dict(sent[-1].post_data_json or {})
    assert {name: posted.pop(name) for name in ("ticket", "answer")} == {"ticket": "ticket", "answer": said}
    marked = ("profile", "address", "groups", "offline_access", "identities", "identities.manage", "unheard.of")
    assert posted == {f"scope-{name}": "1" for name in marked}, "one was not marked, and one is no longer"


def test_an_error_has_the_focus_so_that_it_is_read_out(show: Show) -> None:
    page = show(PAGES.show(make_error("E-EXPIRED"), "en"))
    page.goto(f"{ORIGIN}/page")
    assert page.evaluate("document.activeElement.getAttribute('role')") == "alert"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "retry"


@pytest.mark.parametrize("locale", LOCALES)
def test_every_page_fits_a_small_phone_and_a_finger_and_breaks_no_rule(show: Show, locale: str) -> None:
    for name, answer in every_page(PAGES, locale):
        # These go on by themselves or wait for another origin.
        if name in {"leaving", "return", "form_post", "web_message", "widget", "widget, by bot", "login, prompt"}:
            continue
        page = show(answer, width=320)
        said = complaints(page)
        page.goto(f"{ORIGIN}/page")
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, name
        small = page.eval_on_selector_all(
            "a, button, summary", "found => found.filter(e => e.getBoundingClientRect().height < 24).length"
        )
        low = page.eval_on_selector_all(
            ".button, .way", "found => found.filter(e => e.getBoundingClientRect().height < 48).length"
        )
        in_small_print = 1 if name == "home" else 0  # a link in a line of text (WCAG 2.2, 2.5.8, exception inline)
        assert (small, low) == (in_small_print, 0), name
        assert [text for text in said if "status of 400" not in text] == [], name
        found = violations(page)
        goes_on = name == "logged-out"  # when the frames of apps had their time, as long as that may take
        assert [text for text in found if not (goes_on and text.startswith("meta-refresh:"))] == [], name
        page.context.close()


@pytest.mark.parametrize("script", [True, False])
def test_frames_of_apps_are_loaded_out_of_sight_and_then_the_page_goes_on(
    show: Show, sent: list[Request], script: bool
) -> None:
    frames = ("https://shop.example.com/out?iss=i&sid=s", "https://cafe.example.com/out")
    view = LoggedOutView(make_client(), (), frames, "https://shop.example.com/bye?state=s", 1)
    page = show(PAGES.show(view, "en"), script=script)
    page.goto(f"{ORIGIN}/page")
    page.wait_for_selector("#arrived")
    assert page.url == "https://shop.example.com/bye?state=s"
    assert {request.url for request in sent} >= set(frames)


def test_a_frame_of_another_place_than_named_is_not_loaded(show: Show, sent: list[Request]) -> None:
    answer = PAGES.show(LoggedOutView(make_client(), (), ("https://shop.example.com/out",)), "en")
    body = bytes(answer.body).replace(b"https://shop.example.com/out", b"https://evil.example.com/out")
    page = show(HTMLResponse(body, 200, dict(answer.headers) | {"content-length": str(len(body))}))
    said = complaints(page)
    page.goto(f"{ORIGIN}/page")
    assert [text for text in said if "frame-src" in text]
    assert not [request for request in sent if "evil" in request.url]


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("told", [False, True], ids=["waiting", "told"])
def test_the_page_that_tells_an_app_breaks_no_rule_while_it_is_there(show: Show, locale: str, told: bool) -> None:
    """It goes on by itself, so its script is held back; what that shows in the end is shown by hand."""
    (answer,) = [answer for name, answer in every_page(PAGES, locale) if name == "web_message"]
    page = show(answer, width=320)
    page.context.route("**/static/web_message*", lambda route: route.fulfill(body="", content_type="text/javascript"))
    page.goto(f"{ORIGIN}/page")
    if told:
        page.evaluate("""() => { document.getElementById("continue").remove()
          document.getElementById("waiting").hidden = true; document.getElementById("told").hidden = false }""")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert violations(page) == []
