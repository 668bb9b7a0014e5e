"""One exchange: what goes wrong has a kind and a name, and quotes nothing."""

from __future__ import annotations

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from broker.upstream.exchange import ExchangeFailed, Failure, Request, failures_named

_KEY = ConnectionKey("up.example", 443, True, True, None, None, None)


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (aiohttp.ClientConnectorError(_KEY, OSError(111, "canary")), Failure.REFUSED),
        (aiohttp.ConnectionTimeoutError("canary"), Failure.UNREACHED),
        (aiohttp.ClientPayloadError("canary"), Failure.UNREADABLE),
        (aiohttp.InvalidURL("https://canary"), Failure.UNREADABLE),
        (ValueError("canary"), Failure.UNREADABLE),
        (aiohttp.ServerDisconnectedError("canary"), Failure.SILENT),
        (TimeoutError("canary"), Failure.SILENT),
        (OSError("canary"), Failure.SILENT),
    ],
)
def test_every_failure_is_of_one_kind_and_quotes_nothing(error: Exception, failure: Failure) -> None:
    with pytest.raises(ExchangeFailed) as caught, failures_named():
        raise error
    assert caught.value.failure is failure
    assert str(caught.value) == type(error).__name__
    assert caught.value.__suppress_context__
    assert (caught.value.os_error is None) is (failure is not Failure.REFUSED)


def test_a_body_is_a_form_or_a_json_object_or_nothing() -> None:
    url, more = "https://up.example/x", {"X-More": "1"}
    assert Request("GET", url, headers=more).sent() == (None, more)
    form = {"Content-Type": "application/x-www-form-urlencoded"} | more
    assert Request("POST", url, {"a": "x y"}, more).sent() == (b"a=x+y", form)
    document = {"Content-Type": "application/json"} | more
    assert Request("POST", url, headers=more, document={"a": "é"}).sent() == ('{"a":"é"}'.encode(), document)


def test_a_bug_of_ours_is_no_failure_of_an_exchange() -> None:
    with pytest.raises(KeyError), failures_named():
        raise KeyError("ours")
