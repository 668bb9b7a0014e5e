"""The account page, its questions and what they come to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from broker.core.people.history import Happened
from broker.web.pages.account_parts import Activity, Mark, SignedIn, Way
from broker.web.pages.elsewhere import UsedElsewhere
from broker.web.pages.samples.parts import PERSON, make_client, make_hrefs, make_person, make_stranger
from broker.web.pages.views import (
    AccountDoneView,
    AccountQuestionView,
    AccountView,
    AppAccess,
    DeletionView,
    View,
)

ACCOUNT_NOTICES = (
    "linked", "merged", "cancelled", "unlinked", "last", "ended", "signed-out", "taken-back", "withdrawn", "kept",
    "gone",
)  # fmt: skip


def make_account(text: str = "", *, closes_on: str = "") -> AccountView:
    """Two ways in, two browsers, an app, and everything that can happen to an account."""
    name, at = {"en": text or "Shop"}, text or "2026-11-20T12:50:25+00:00"
    vk, other = Mark("vk", "vk", {"en": text or "VK ID"}), Mark("other", text or "unheard-of", {"en": text or "Other"})
    here = SignedIn("s1", text or "203.0.113.x", text or "Firefox, Android", at, vk, name, here=True)
    day = text or "2026-11-02"
    way = Way("h1", vk, text or PERSON, text or "anna@example.com", linked_on=day, used_on=day, here=True)
    access = AppAccess(
        text or "shop",
        make_client(text),
        ("openid", "email", "offline_access", text or "unheard.of"),
        (text or "https://api.shop.example",),
        since=day,
        offline=True,
    )
    signed_in = Activity("signed_in", at, vk, name, text or "203.0.113.x", text or "Firefox, Android")
    words = ("signed_in", *Happened, text or "unheard-of")
    return AccountView(
        sub=text or "k4fq3s7d2c5b6a7z4y3x2w1v2u",
        person=make_person(text),
        another_href=text or "/account?another=1",
        ways=(way, Way(text or "h2", other, "", "", "", text or "2026-11-19", here=False, has_home=True)),
        addable=(vk, replace(other, provider="third")),
        sessions=(here, replace(here, sid=text or "s2", place="", agent="", app={}, here=False)),
        apps=(access, replace(access, scopes=(), since="", client=make_stranger(text))),
        activity=(signed_in, *(Activity(word, at, other, name) for word in words)),
        tickets=dict.fromkeys(("link/vk", "link/third", "end", "take-back", "withdraw", "keep"), text or "ticket"),
        language_hrefs=make_hrefs(text),
        closes_on=(text or closes_on) if closes_on else "",
        elsewhere=(UsedElsewhere(text or "h1", "vk", vk.title, way.person_name, way.address, (name, name), day),),
    )


def every_account(text: str = "") -> Iterator[tuple[str, View]]:
    """The account page in every mood, its questions, and what they come to."""
    page = make_account(text)
    yield "account", page
    for notice in ACCOUNT_NOTICES:
        yield f"account, {notice}", replace(page, notice=notice)
    yield "account, one way", replace(page, ways=page.ways[:1], sessions=page.sessions[:1], apps=(), addable=())
    yield "account, closing", make_account(text, closes_on="2026-12-04")
    days = ((what, "") for what in ("link", "unlink", "sign-out", "export", "delete"))
    for what, day in (*days, ("delete", "2026-12-04")):
        asked = AccountQuestionView(
            what, f"/account/{what}", text or "t", make_person(text), make_hrefs(text), closes_on=day
        )
        asked = replace(asked, title={"en": text or "VK ID"} if what.endswith("link") else {})
        for number, way in enumerate(page.ways if what == "unlink" else (None,)):
            yield f"account, {what} {number} {day}", replace(asked, way=way)
    for what in ("unlink", "closing", "deleted"):
        yield f"account, done {what}", AccountDoneView(what, text or "2026-12-04")
    for what in ("gone", "closing", "parted", "nobody", "blocked", "in_use"):
        named = {"en": text or "Facebook"}
        told = DeletionView(what, make_hrefs(text), named, text or "5f2c81d07be94a36", text or "2026-11-20")
        yield f"deletion, {what}", replace(told, closes_on=text or "2026-12-04")
    yield "deletion, unknown", DeletionView("unknown", make_hrefs(text))
