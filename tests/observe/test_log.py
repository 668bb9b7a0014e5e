"""One event, one line; libraries included; nothing that breaks a line or steers a terminal."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from broker.core.events import Event, request_id
from broker.observe import Observer
from broker.observe.catalogue import EVENTS
from broker.observe.log import StdlibBridge, describe, render_text
from tests.observe.conftest import Collected

Observe = Callable[..., Observer]
HOSTILE = "a\x1b[31mb\r\nc\x00d\x7fe\x85f\x9bg\u2028h\u2029i\u202ej\u2066k\ufeffl\u200bm"


@contextmanager
def root_logging() -> Iterator[logging.Logger]:
    """The root logger, put back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        yield root
    finally:
        logging.captureWarnings(capture=False)
        root.handlers[:] = handlers
        root.setLevel(level)


def test_an_event_is_one_json_line_with_time_level_and_request_id(observe: Observe, lines: Collected) -> None:
    token = request_id.set("r-1")
    try:
        observe().record(Event.LOGIN_SUCCEEDED, provider="google", client_id="shop", sub="s", ms=5)
    finally:
        request_id.reset(token)
    assert lines.raw == [
        b'{"ts":"2027-01-15T08:00:00.123Z","level":"info","event":"login.succeeded","request_id":"r-1",'
        b'"provider":"google","client_id":"shop","sub":"s","ms":5,"audit":true}\n'
    ]


def test_every_event_can_be_recorded_with_any_or_no_fields(observe: Observe, lines: Collected) -> None:
    observer = observe(level="debug")
    for event in Event:
        observer.record(event)
        observer.record(event, **dict.fromkeys(EVENTS[event].fields, 1))
    assert [record["event"] for record in lines.records] == [event.value for event in Event for _ in range(2)]
    assert b"broker_observe_errors_total 0.0" in observer.expose()


def test_every_event_is_in_the_catalogue() -> None:
    assert set(EVENTS) == set(Event)


def test_events_below_the_level_are_not_written_but_counted(observe: Observe, lines: Collected) -> None:
    observer = observe(level="error")
    observer.record(Event.UPSTREAM_CALLED, provider="vk", operation="token", outcome="ok", duration_ms=20.0)
    assert lines.raw == []
    assert (
        b'http_client_request_duration_seconds_count{operation="token",outcome="ok",provider="vk"} 1'
        in observer.expose()
    )


def test_h15_a_hostile_value_stays_one_harmless_line(observe: Observe, lines: Collected) -> None:
    observe().record(Event.REQUEST_REFUSED, error="x", kind="y", reason=HOSTILE)
    (line,) = lines.raw
    assert line.count(b"\n") == 1
    text = line.decode().rstrip("\n")
    assert text.isprintable()
    assert text.splitlines() == [text]
    assert lines.records[0]["reason"] == HOSTILE


def test_h15_text_for_a_terminal_is_as_harmless() -> None:
    line = render_text(
        None, "info", {"ts": "2027-01-15T08:00:00.123Z", "event": "x", "reason": HOSTILE, "error": HOSTILE}
    )
    text = line.decode()
    coloured = text.replace("\x1b[32m", "").replace("\x1b[0m", "").rstrip("\n")
    assert coloured.isprintable()
    assert text.count("\n") == 1


def test_the_state_of_a_breaker_is_no_secret(observe: Observe, lines: Collected) -> None:
    observe().record(Event.UPSTREAM_BREAKER, provider="vk", state="open")
    assert lines.records[0]["breaker"] == "open"


def test_what_libraries_log_has_the_same_shape_and_the_same_redaction(observe: Observe, lines: Collected) -> None:
    with root_logging():
        observe().install("info")
        logging.getLogger("aiohttp.client").warning("GET %s failed", "https://x.example/?code=canary")
        logging.getLogger("noisy").debug("not heard at info")
    (record,) = lines.records
    assert (record["event"], record["level"], record["logger"]) == ("log", "warning", "aiohttp.client")
    assert "canary" not in record["message"]


def test_a_library_that_logs_nonsense_harms_nobody(observe: Observe, lines: Collected) -> None:
    with root_logging():
        observe().install("info")
        logging.getLogger("bad").error("%d".replace("d", "d of %s"), "three")
    assert "arguments that do not fit" in lines.records[0]["message"]


def test_warnings_of_libraries_are_heard(observe: Observe, lines: Collected) -> None:
    with root_logging():
        observe().install("info")
        logging.getLogger("py.warnings").warning("something is deprecated")
    assert lines.records[0]["logger"] == "py.warnings"


def test_levels_between_ours_round_down(observe: Observe, lines: Collected) -> None:
    with root_logging():
        observe(level="debug").install("debug")
        for level in (5, 25, 45, 60):
            logging.getLogger("x").log(level, "m") if level >= 10 else StdlibBridge
    assert [record["level"] for record in lines.records] == ["info", "error", "error"]


def test_a_crash_tells_where_and_not_what_with(observe: Observe, lines: Collected) -> None:
    try:
        try:
            raise KeyError("access_token=canary-one")
        except KeyError as cause:
            raise RuntimeError("Authorization: Bearer canary-two") from cause
    except RuntimeError as error:
        observe().on_crash(error)
    (record,) = lines.records
    assert record["event"] == "server.error"
    assert "canary" not in record["exception"]
    assert "RuntimeError" in record["exception"]
    assert "caused by KeyError" in record["exception"]
    assert "test_log.py" in record["exception"]


def test_a_chain_of_exceptions_ends() -> None:
    error: Exception = ValueError("0")
    for number in range(100):
        try:
            raise ValueError(str(number)) from error
        except ValueError as raised:
            error = raised
    assert describe(error).count("ValueError") == 5


def test_exceptions_of_a_group_are_named() -> None:
    assert "KeyError" in describe(ExceptionGroup("several", [KeyError("a"), TypeError("b")]))


class Broken:
    """A value that cannot even be shown."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


def test_recording_never_raises(observe: Observe, lines: Collected) -> None:
    observer = observe()
    observer.record(Event.LOGIN_FAILED, reason=Broken())  # type: ignore[arg-type]  # what no caller should do
    assert b"broker_observe_errors_total 1.0" in observer.expose()
    assert lines.records[0]["event"] == "observe.error"


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_audit_events_are_written_whatever_the_level(observe: Observe, lines: Collected, level: str) -> None:
    observer = observe(level=level)
    audited = [event for event, entry in EVENTS.items() if entry.audit]
    for event in audited:
        observer.record(event)
    assert [record["event"] for record in lines.records if record["audit"]] == audited


def test_what_libraries_tell_of_every_call_is_heard_at_debug_alone(observe: Observe, lines: Collected) -> None:
    with root_logging():
        observe().install("info")
        logging.getLogger("httpx2").info("HTTP Request: GET http://localhost/jwks")
        assert lines.records == []
        observe(level="debug").install("debug")
        logging.getLogger("httpx2").info("HTTP Request: GET http://localhost/jwks")
    assert [record["logger"] for record in lines.records] == ["httpx2"]
