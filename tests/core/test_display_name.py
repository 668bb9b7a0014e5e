"""The names of apps: what people read is what is there."""

from __future__ import annotations

import pytest

from broker.core.clients.display_name import MAX_NAME, check_display_name


@pytest.mark.parametrize(
    "name",
    [
        "Shop",
        "Магазин «Ромашка»",
        "商店",
        "Ёлка & Co. — 24/7",
        "Café",
        "हिन्दी",
        "עברית",
        "متجر",
        "Tiếng Việt",
        "🛒 Shop",
        "x" * MAX_NAME,
    ],
)
def test_a_name_in_any_script_is_a_name(name: str) -> None:
    check_display_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        " \u3000 ",
        "x" * (MAX_NAME + 1),
        "Shop\u202egnp.moc",
        "\u2066Shop\u2069",
        "Sh\u200bop",
        "Sh\u200dop",
        "Sh\ufeffop",
        "Sh\u00adop",
        "\u061cShop",
        "Shop\x00",
        "Shop\r\nBank",
        "Shop\u2028Bank",
        "Shop\u2029Bank",
        "Shop\x85Bank",
        "\u3164",
        "Shop\u2800",
        "Shop\ud83d",
        "Shop\ue000",
        "Z\u0351\u0352\u0353algo",
    ],
    ids=ascii,
)
def test_a22_a_name_that_is_not_what_it_looks_like_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="write"):
        check_display_name(name)
