"""Who may come in, as it is written: what names nothing is refused, and what does nothing is told."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from broker.config.clients import build_clients
from broker.core.access import AccessPolicy, AccessRule, SignUp
from tests.config.minimal import MINIMAL, SECRET, SHA, Read

OTHER = f"""\
  blog:
    name: Blog
    redirect_uris: [https://blog.example.com/cb]
    secret_hashes: [sha256:{SHA}]
"""
VK = MINIMAL.replace("clients:", f"  vk: {{type: vk, client_id: '1', client_secret: {SECRET}}}\nclients:")
FAR = "access: {rules: {a: {require: b, providers: [google]}}}"
MOST = MINIMAL + "    access: {sign_up: known}\n" + OTHER + "    access: {sign_up: known}\n"


def shop(text: str) -> str:
    """The one app demands this, another one nothing."""
    return f"{MINIMAL}    access: {text}\n{OTHER}"


def for_all(text: str) -> str:
    """The whole file demands this."""
    return f"{MINIMAL}access: {text}\n"


def test_both_places_have_the_same_words(read: Read) -> None:
    text = (
        "{sign_up: invited, email_domains: [Example.com, '*.example.org'], denied_email_domains: [a.example.org],"
        " rules: {staff: {require: \"google_hd == 'example.com'\", providers: [google]}}}"
    )
    expected = AccessPolicy(
        SignUp.INVITED,
        ("example.com", "*.example.org"),
        ("a.example.org",),
        rules=(AccessRule("staff", "google_hd == 'example.com'", frozenset({"google"})),),
    )
    assert read(for_all(text)).config.access.policy == expected
    clients = build_clients(read(shop(text)).config)
    assert (clients["shop"].access, clients["blog"].access) == (expected, AccessPolicy())
    assert read(MINIMAL).config.access.policy == AccessPolicy()


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("{sign_up: closed}", "sign_up", "open"),
        ("{email_domains: ['@example.com']}", "email_domains.0", "write a domain"),
        ("{email_domains: [com]}", "email_domains.0", "write a domain"),
        ("{email_domain: [example.com]}", "email_domain", "did you mean email_domains?"),
        ("{rules: {Staff: {require: a}}}", "rules", ""),
        ("{rules: {staff: {require: 'a ='}}}", "rules.staff.require", "character"),
        ("{rules: {staff: {require: 'length(a)'}}}", "rules.staff.require", "never is true or false"),
        ("{rules: {staff: {require: 'keys(a)'}}}", "rules.staff.require", "no such function"),
        ("{rules: {staff: {require: a, providers: [gogle]}}}", "rules.staff.providers[0]", "did you mean google?"),
        (
            "{email_domains: [a.com], denied_email_domains: [a.com]}",
            "denied_email_domains[0]",
            "is among email_domains",
        ),
    ],
)
def test_what_cannot_be_meant_stops_the_start(
    problems: Callable[..., list[str]], text: str, place: str, problem: str
) -> None:
    for written, path in ((for_all(text), "access."), (shop(text), "clients.shop.access.")):
        (found,) = problems(written)
        assert f"{path}{place.partition('.')[0].partition('[')[0]}" in found
        assert problem in found


@pytest.mark.parametrize(
    ("written", "warning"),
    [
        (shop("{sign_up: known}"), "keeps nobody out who gets an account at blog first"),
        (shop("{sign_up: invited}"), "keeps nobody out who gets an account at blog first"),
        (f"{shop('{sign_up: open}')}access: {{sign_up: known}}\n", "has no effect: access.sign_up is known"),
        (f"{shop('{sign_up: invited}')}access: {{sign_up: known}}\n", "has no effect: access.sign_up is known"),
        (for_all("{email_domains: [a.com], denied_email_domains: [b.com]}"), "email_domains lets nobody of b.com in"),
        (f"{VK}    providers: [vk]\n    {FAR}\n", "is asked about nobody"),
    ],
)
def test_what_does_nothing_is_told(read: Read, written: str, warning: str) -> None:
    assert any(warning in line for line in read(written).warnings), read(written).warnings


@pytest.mark.parametrize(
    "written",
    [
        f"{shop('{sign_up: known}')}access: {{sign_up: known}}\n",
        f"{MOST}access: {{sign_up: invited}}\n",
        for_all("{sign_up: known}"),
        for_all("{email_domains: ['*.a.com'], denied_email_domains: [b.a.com]}"),
        for_all("{email_domains: [b.a.com], denied_email_domains: ['*.a.com']}"),
        f"{VK}    {FAR}\n",
    ],
)
def test_what_does_something_is_not(read: Read, written: str) -> None:
    assert not [line for line in read(written).warnings if "access" in line]
