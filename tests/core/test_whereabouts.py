"""What a failure carries of where it happened."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.core.authorize.whereabouts import Whereabouts, is_for_client, located, whereabouts_of
from broker.core.errors import InvalidScope, LoginRequired, PageError, StoreUnavailable, TooManyRequests
from tests.core.authorization_request import CLIENT, send, target_of

TARGET = target_of(send())
SILENT = replace(TARGET, silent=True)


def failed(error: Exception, *around: Whereabouts) -> Whereabouts:
    """What it carries once it has passed these places, the innermost first."""
    for here in around:
        with pytest.raises(type(error)) as caught, located(here):
            raise error
        assert caught.value is error
    return whereabouts_of(error)


@pytest.mark.parametrize("error", [InvalidScope("no"), PageError("no"), KeyError("a bug")])
def test_a_failure_of_any_kind_carries_where_it_happened(error: Exception) -> None:
    assert failed(error) == Whereabouts()
    assert failed(error, Whereabouts(client=CLIENT)) == Whereabouts(client=CLIENT)


def test_what_is_nearest_counts_and_what_is_around_adds() -> None:
    inner, outer = Whereabouts(target=TARGET, flow="a"), Whereabouts(CLIENT, SILENT, asked=True, flow="b")
    assert failed(InvalidScope("no"), inner, outer) == Whereabouts(CLIENT, TARGET, asked=True, flow="a")
    assert failed(InvalidScope("no"), outer, Whereabouts()) == outer


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (InvalidScope("no"), True),
        (LoginRequired("no"), True),
        (TooManyRequests("no", retry_after=1), False),
        (StoreUnavailable("no"), False),
        (PageError("no"), False),
        (KeyError("a bug"), False),
    ],
)
def test_the_app_hears_what_it_can_mend_and_everything_where_no_person_looks(error: Exception, told: bool) -> None:
    assert is_for_client(error, TARGET) is told
    assert is_for_client(error, SILENT)
