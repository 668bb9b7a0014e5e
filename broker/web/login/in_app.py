"""Browsers inside other apps: how they are known, and the links that lead out of them into a real one.

What a header says proves nothing: it decides what is offered first, and never what is allowed.
"""

from __future__ import annotations

from enum import StrEnum
from urllib.parse import quote, urlsplit

from starlette.requests import Request


class System(StrEnum):
    """Where a browser inside an app runs, as far as that says how to leave it."""

    ANDROID = "android"
    IOS = "ios"
    OTHER = ""


_MARKS = (
    "; wv)",  # every Android WebView: Android Compatibility Definition 3.4.1, C-1-3 (read 2026-11)
    "FB_IAB/",  # Facebook on Android, whose older views have no `wv`: ua-parser/uap-core issue 38
    "FBAN/",  # Facebook and Messenger on iOS: ibid.
    "FBAV/",
    "Instagram",  # these below as seen by servers: tests/web/test_in_app.py has the header of each
    "Line/",
    "Telegram",
    "VKAndroidApp",
    "VKiOSApp",
    "musical_ly",  # TikTok
    "BytedanceWebview",
    "Snapchat",  # says "like Safari/", in parentheses
    "MicroMessenger/",  # WeChat
    "LinkedInApp",
)
_APPLE = ("iPhone", "iPad", "iPod", "Macintosh")


def find_system(agent: str) -> System | None:
    """The system of a browser that is a part of another app, as far as its `User-Agent` says; None for any other.

    A plain WKWebView is known by what it lacks: every browser of Apple's systems says `Safari/`, and a view only where
    its app adds that. A web app on the home screen says the same as a view.
    """
    view = "AppleWebKit/" in agent and "Safari/" not in agent and any(mark in agent for mark in _APPLE)
    if not view and not any(mark in agent for mark in _MARKS):
        return None
    if "Android" in agent:
        return System.ANDROID
    return System.IOS if any(mark in agent for mark in _APPLE[:-1]) else System.OTHER


def system_of(request: Request) -> System | None:
    """As `find_system`, of the browser that sent this."""
    return find_system(request.headers.get("user-agent", ""))


def build_way_out(href: str, system: System | None) -> str:
    """A link that opens an absolute web address in the browser of this system, "" where none is known.

    Android asks which app takes the address, and stays with it where none does: Android Intents with Chrome,
    developer.chrome.com (read 2026-11). Of iOS the scheme is not documented; Safari has it registered (seen 2026-11).
    """
    if system is System.IOS:
        return f"x-safari-{href}"
    if system is not System.ANDROID:
        return ""
    scheme, rest = urlsplit(href).scheme, href.partition("://")[2]
    intent = (
        f"scheme={scheme}",
        "action=android.intent.action.VIEW",
        "category=android.intent.category.BROWSABLE",
        f"S.browser_fallback_url={quote(href, safe='')}",
    )
    return f"intent://{rest}#Intent;{';'.join(intent)};end"
