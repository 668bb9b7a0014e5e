"""What a person is shown of a browser: words of ours, and nothing of what it sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.people.history import describe_agent

_WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
_ANDROID = f"Mozilla/5.0 (Linux; Android 14; Pixel 8) {_WEBKIT}"
_WINDOWS = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_WEBKIT}"
_MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
_IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("Mozilla/5.0 (Android 14; Mobile; rv:128.0) Gecko/128.0 Firefox/128.0", "Firefox, Android"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox, Linux"),
        (f"{_ANDROID} Chrome/126.0.0.0 Mobile Safari/537.36", "Chrome, Android"),
        (f"{_ANDROID} Chrome/126.0.0.0 Mobile Safari/537.36 Telegram-Android/11", "Telegram, Android"),
        (f"{_ANDROID} SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36", "Samsung Internet, Android"),
        (f"{_WINDOWS} Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0", "Edge, Windows"),
        (f"{_WINDOWS} Chrome/124.0.0.0 YaBrowser/24.6.0.0 Safari/537.36", "Yandex Browser, Windows"),
        (f"{_WINDOWS} Chrome/124.0.0.0 Safari/537.36 OPR/110.0", "Opera, Windows"),
        (f"{_MAC} AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15", "Safari, macOS"),
        (f"{_IPHONE} Version/17.5 Mobile/15E148 Safari/604.1", "Safari, iPhone"),
        (f"{_IPHONE} CriOS/126.0 Mobile/15E148 Safari/604.1", "Chrome, iPhone"),
        (f"{_IPHONE} Mobile/15E148", "iPhone"),
        ("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) Chrome/126.0.0.0 Safari/537.36", "Chrome, ChromeOS"),
        ("curl/8.5.0", ""),
        ("", ""),
    ],
)
def test_a_browser_is_told_in_words_of_ours(header: str, words: str) -> None:
    assert describe_agent(header) == words


@given(st.text(max_size=400))
def test_nothing_of_the_header_is_kept_and_never_more_than_forty_characters(header: str) -> None:
    said = describe_agent(f"{header}Firefox/1 Android {header}")
    assert len(said) <= 40
    assert said.partition(", ")[2] in {"Android", "iPhone", "iPad"}
