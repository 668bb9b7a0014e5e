"""The pieces a described upstream is read with: expressions, placeholders, answers. Pure, no socket."""

from __future__ import annotations

import time
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from broker.core.errors import UpstreamError, UpstreamInvalid, UpstreamRejected, UpstreamUnavailable
from broker.core.expressions import DEPTH_LIMIT, LENGTH_LIMIT, find, last_names
from broker.core.wire.strict_json import Malformed
from broker.upstream.answer import UpstreamAnswer
from broker.upstream.exchange import Answer, Request, basic_header
from broker.upstream.generic.answers import Reading, parse_form
from broker.upstream.generic.calls import check_request, revoke_request, token_request, userinfo_request
from broker.upstream.generic.settings import Call, Revoke, TokenCheck
from broker.upstream.generic.templates import UrlTemplate, fill_header, fill_link, fill_url
from broker.upstream.generic.values import Expression
from broker.upstream.model import Credentials

EXPRESSION: TypeAdapter[str] = TypeAdapter(Expression)
URL: TypeAdapter[str] = TypeAdapter(UrlTemplate)
EMAILS = [
    {"email": "a@example.com", "primary": False, "verified": True},
    {"email": "b@example.com", "primary": True, "verified": False},
]
DOCUMENT: dict[str, Any] = {
    "me": {"id": 12345678901234567890, "login": "ann", "name": None, "odd-name": 1, "list": [{"a": 1}, {"a": 2}]},
    "emails": EMAILS,
    "token": {"user_id": 17841400000000001, "who": "a/b?c", "line": "a\r\nb", "flag": True},
    "access_token": "t",
    "client": {"id": "app"},
}


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("me.id", 12345678901234567890),
        ("me.name || me.login", "ann"),
        ("me.nothing.of.this", None),
        ("emails[?primary && verified].email | [0]", None),
        ("emails[?verified].email | [0]", "a@example.com"),
        ('me."odd-name"', 1),
        ("me.list[-1].a", 2),
        ("me.list[9].a", None),
        ("!(me.name) && me.login", "ann"),
        ("contains(me.login, 'nn') && me.login", "ann"),
        ("join('-', me.list)", None),
        ("starts_with(me.name, 'a')", None),
        ("not_null(me.name, me.login)", "ann"),
        ("me.list[0:1][].a | [0]", 1),
        ("me.list[1:2:0]", None),
        ("me.login < me.id", None),
    ],
)
def test_an_expression_selects_and_never_fails(expression: str, found: object) -> None:
    assert find(EXPRESSION.validate_python(expression), DOCUMENT) == found


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("", "characters"),
        ("a" * (LENGTH_LIMIT + 1), "characters"),
        ("me.", "look at character 4"),
        ("me..id", "look at character 4"),
        ("me.id)", "look at character 6"),
        ("me.#", "look at character 4"),
        ("[me, me]", "builds nothing"),
        ("{a: me}", "builds nothing"),
        ("sort_by(me, &id)", "no such function"),
        ("not_null(&me)", "builds nothing"),
        ("to_string(me)", "no such function"),
        ("map(me, me)", "no such function"),
        ("nope(me)", "no such function"),
        ("not_null([a, a])", "builds nothing"),
        ("a[?b == [c, c]]", "builds nothing"),
        ("!me.name", "write !(a.b)"),
        ("(" * 200 + "a" + ")" * 199, "no JMESPath"),
        ("!" * (DEPTH_LIMIT + 5) + "a", "levels deep"),
        ("a[" * 60, "no JMESPath"),
        ("`[", "no JMESPath"),
    ],
)
def test_what_is_no_expression_or_could_build_something_large_stops_the_start(expression: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said.replace("(", r"\(").replace(")", r"\)")):
        EXPRESSION.validate_python(expression)


def test_an_expression_takes_no_longer_than_its_length_times_the_answer() -> None:
    wide: dict[str, Any] = {"a": [{"b": [{"c": index}] * 10} for index in range(20_000)]}
    started = time.process_time()
    for expression in ("a[*].b[*].c | [0]", "a[?b[?c == `1`]] | [0]", "a[].b[].c | [-1]", "a" + "[]" * 10):
        find(EXPRESSION.validate_python(expression), wide)
    assert time.process_time() - started < 30  # a guard against what doubles with every step, not a measurement


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("me.id", {"id"}),
        ("me.oid || me.email", {"oid", "email"}),
        ("emails[?x].email | [0]", {"email"}),
        ("response[0].login", {"login"}),
        ("not_null(me.a, me.b)", {"a", "b"}),
        ("me.items[*].upn | [0]", {"upn"}),
    ],
)
def test_what_an_expression_ends_in_is_known(expression: str, names: set[str]) -> None:
    assert last_names(expression) == names


@pytest.mark.parametrize(
    "url",
    [
        "https://{token.host}/me", "https://api.{token.host}/me", "https://a.example/{}", "https://a.example/{x y}", "http://a.example/",
        "https://a.example/{", "{token.url}", "https://a.example:{token.port}/", "https://a.example/#{token.who}", "ftp://a.example/",
        "https://u@a.example/", "https://a.example/{__class__}",
    ],
)  # fmt: skip
def test_b17_no_answer_chooses_where_a_token_is_sent(url: str) -> None:
    with pytest.raises(ValidationError):
        URL.validate_python(url)


def test_a_placeholder_stays_where_it_is_put() -> None:
    assert fill_url("https://a.example/{token.who}/x?t={access_token}", DOCUMENT) == "https://a.example/a%2Fb%3Fc/x?t=t"
    assert fill_header("token {access_token}", DOCUMENT) == "token t"
    for template in ("{token.line}", "{token.nothing}", "{token.flag}", "{token}", "{me.name}"):
        with pytest.raises(UpstreamInvalid):
            fill_header(template, DOCUMENT)
    assert fill_link("https://cdn.example/{value}.png", {"value": "a/b c"}) is None
    assert fill_link("https://cdn.example/{value}.png", {"value": "a/b?c"}) == "https://cdn.example/a/b%3Fc.png"
    for leaving in ("../x", "a/../b", "a//b", "/a", "a/", ".", "..", "x" * 600):
        assert fill_link("https://cdn.example/{value}", {"value": leaving}) is None


def answered(body: bytes, status: int = 200, kind: str = "text/html") -> UpstreamAnswer:
    return UpstreamAnswer("/token", Answer(status, {"Content-Type": kind}, body))


def test_a_form_is_read_whatever_it_calls_itself() -> None:
    read = Reading(form=True).read(answered(b"access_token=a%20b&scope=x%2Cy&token_type=bearer"))
    assert read == {"access_token": "a b", "scope": "x,y", "token_type": "bearer"}
    assert Reading(form=True).read(answered(b' {"access_token": "t"}')) == {"access_token": "t"}
    with pytest.raises(UpstreamInvalid):
        Reading().read(answered(b"access_token=t"))
    with pytest.raises(UpstreamInvalid):
        Reading(form=True, only_form=True).read(answered(b'{"access_token": "t"}'))
    with pytest.raises(UpstreamRejected) as caught:
        Reading(form=True).read(answered(b"error=bad_verification_code&error_description=x"))
    assert caught.value.error == "bad_verification_code"


@pytest.mark.parametrize(
    "body", [b"", b"a", b"a=1&a=2", b"<html>", b"a=%ff", b"a=1&b", "é=1".encode(), b"a b=1", b"=".ljust(70_000, b"x")]
)
def test_what_is_no_form_is_none(body: bytes) -> None:
    with pytest.raises(Malformed):
        parse_form(body)


@pytest.mark.parametrize(
    ("reading", "body", "failure"),
    [
        (Reading(), b'{"error": "x"}', UpstreamRejected),
        (Reading(error_paths=("errors[0].message",)), b'{"errors": [{"message": "no"}], "id": 1}', UpstreamRejected),
        (Reading(error_paths=("errors",)), b'{"errors": [{"message": "no"}], "id": 1}', UpstreamRejected),
        (Reading(not_now=frozenset({"9"})), b'{"error": {"error_code": 9}}', UpstreamUnavailable),
        (Reading(error_paths=("why",), not_now=frozenset({"busy"})), b'{"why": "busy"}', UpstreamUnavailable),
        (Reading(root="data[0]"), b'{"data": []}', UpstreamInvalid),
        (Reading(root="data"), b'{"data": "text"}', UpstreamInvalid),
        (Reading(root="data"), b'{"data": ["text"]}', UpstreamInvalid),
        (Reading(), b"{}", UpstreamInvalid),
        (Reading(), b"false", UpstreamInvalid),
        (Reading(), b"null", UpstreamInvalid),
        (Reading(), b"[]", UpstreamInvalid),
        (Reading(kind=list), b"[]", UpstreamInvalid),
        (Reading(kind=list), b'{"a": 1}', UpstreamInvalid),
        (Reading(kind=list), b"[[1]]", UpstreamInvalid),
    ],
)
def test_an_answer_that_is_none_is_a_failure(reading: Reading, body: bytes, failure: type[UpstreamError]) -> None:
    with pytest.raises(failure):
        reading.read(answered(body))


def test_only_the_listed_statuses_mean_that_there_is_nothing() -> None:
    reading = Reading(nothing_at=(404,))
    assert reading.read(answered(b"", 404)) is None
    with pytest.raises(UpstreamRejected):
        reading.read(answered(b"", 403))


def test_a_token_travels_as_it_is_told() -> None:
    get, post = (
        Call(url="https://a.example/me?x=1", params={"f": "id"}),
        Call(url="https://a.example/me", method="POST"),
    )
    made = [userinfo_request(get, way, DOCUMENT) for way in ("bearer", "header:OAuth", "query:k", "none")]
    assert [one.headers.get("Authorization") for one in made] == ["Bearer t", "OAuth t", None, None]
    assert [one.url.partition("?")[2] for one in made] == ["x=1&f=id", "x=1&f=id", "x=1&f=id&k=t", "x=1&f=id"]
    assert userinfo_request(post, "form:k", DOCUMENT).form == {"k": "t"}
    queried = userinfo_request(post, "query:k", DOCUMENT)
    assert (queried.url, queried.form) == ("https://a.example/me?k=t", {})


def test_a_code_is_never_sent_a_second_time() -> None:
    proof = Credentials({"client_id": "app", "client_secret": "s"})
    call = Call(url="https://a.example/token", params={"code": "theirs", "fmt": "json"})
    asked = token_request(call, {"code": "c"}, proof, DOCUMENT)
    assert asked == Request("GET", "https://a.example/token?code=c&fmt=json&client_id=app&client_secret=s", once=True)


def test_our_credentials_go_where_the_description_says() -> None:
    basic = Credentials(basic=("app", "s s"))
    check = TokenCheck(url="https://a.example/{client.id}/check", body="json", token_param="access_token")
    asked = check_request(check, basic, DOCUMENT)
    assert (asked.url, asked.form, asked.document) == ("https://a.example/app/check", None, {"access_token": "t"})
    assert asked.headers == basic_header(("app", "s s"))
    by_token = TokenCheck(kind="token_info", url="https://a.example/info", method="GET", auth="header:OAuth")
    assert check_request(by_token, Credentials(), DOCUMENT).headers == {"Authorization": "OAuth t"}
    given = revoke_request(Revoke(url="https://a.example/x", method="DELETE", body="json"), basic, DOCUMENT)
    assert (given.method, given.document) == ("DELETE", {"token": "t"})
