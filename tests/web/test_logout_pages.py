"""The question whether to sign out, and the page that says who was told."""

from __future__ import annotations

import pytest

from broker.web.pages.views import ClientView, LoggedOutView, LogoutView, ToldApp
from tests.web.page_samples import make_client, make_pages, make_person, read

FRAMES = ("https://shop.example.com/out?iss=i&sid=s", "https://cafe.example.com:8443/out", "https://shop.example.com/b")


def test_the_question_is_a_form_with_two_answers_and_names_who_asks() -> None:
    page = read(make_pages().show(LogoutView(make_client(), make_person(), "t1", {}), "en"))
    (form,) = page.found("form")
    assert (form["method"], form["action"]) == ("post", "/logout/confirm")
    assert {(field["name"], field["value"]) for field in page.found("input")} == {("ticket", "t1")}
    assert [button["value"] for button in page.found("button")] == ["logout", "stay"]
    assert "Shop asks to sign you out." in page.text


def test_without_a_proof_the_question_names_no_app() -> None:
    page = read(make_pages().show(LogoutView(ClientView({}), make_person(), "t1", {}), "en"))
    assert "asks to sign you out" not in page.text
    assert page.by_id("logout")


def test_a_frame_of_an_app_may_come_from_exactly_its_origin() -> None:
    answer = make_pages().show(LoggedOutView(make_client(), (), FRAMES), "en")
    rules = answer.headers["content-security-policy"].split("; ")
    assert "frame-src https://shop.example.com https://cafe.example.com:8443" in rules
    assert [frame["src"] for frame in read(answer).found("iframe")] == list(FRAMES)
    assert all("hidden" in frame for frame in read(answer).found("iframe"))
    assert "script-src 'none'" in rules


def test_without_frames_nothing_may_be_framed() -> None:
    answer = make_pages().show(LoggedOutView(make_client(), ()), "en")
    assert "frame-src" not in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ("told", "has been told"),
        ("waiting", "does not answer yet"),
        ("failed", "could not be told"),
        ("by_browser", "signing out in your browser"),
    ],
)
def test_it_says_how_far_each_app_was_told(outcome: str, words: str) -> None:
    view = LoggedOutView(make_client(), (ToldApp({"en": "Cafe"}, outcome),))
    page = read(make_pages().show(view, "en"))
    assert f"Cafe {words}" in page.text


def test_it_goes_on_by_itself_and_by_a_link() -> None:
    page = read(make_pages().show(LoggedOutView(make_client(), (), FRAMES, "https://a.test/x?state=s", 3), "en"))
    (refresh,) = [meta for meta in page.found("meta") if meta.get("http-equiv")]
    assert refresh["content"] == "3;url=https://a.test/x?state=s"
    assert page.by_id("continue")["href"] == "https://a.test/x?state=s"


@pytest.mark.parametrize("href", ["javascript:alert(1)", "//evil.test", "data:text/html,x"])
def test_it_leads_nowhere_a_script_could_run(href: str) -> None:
    with pytest.raises(ValueError, match="absolute URL"):
        make_pages().show(LoggedOutView(make_client(), (), (), href), "en")
