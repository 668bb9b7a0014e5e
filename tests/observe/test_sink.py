"""Lines leave by a thread: in order, complete, without making anybody wait."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from broker.core.events import Event
from broker.observe import Observer, Setup
from broker.observe.sink import Sink


def test_every_line_arrives_in_order_before_close_returns(tmp_path: Path) -> None:
    sink = Sink.append_to(str(tmp_path / "log"))
    for number in range(5000):
        sink.write(b"%d\n" % number)
    sink.close()
    assert (tmp_path / "log").read_bytes() == b"".join(b"%d\n" % number for number in range(5000))
    assert sink.dropped == 0


def test_a_reader_that_stands_still_costs_lines_and_nobody_waits_for_it() -> None:
    """Whatever the thread has taken in hand counts among the 20,000 lines that wait."""
    read_end, write_end = os.pipe()
    sink = Sink(write_end)
    for _ in range(30_000):
        sink.write(b"x" * 2_000 + b"\n")
    assert sink.dropped >= 9_900, "a pipe holds some more"
    os.close(read_end)
    sink.close()
    os.close(write_end)


def test_a_full_disk_is_counted_not_raised() -> None:
    sink = Sink(os.open("/dev/full", os.O_WRONLY), owned=True)
    sink.write(b"x\n")
    sink.close()
    sink.write(b"after the end\n")
    assert sink.dropped == 2


def test_j11_the_audit_file_is_appended_to_and_private(tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    for _ in range(2):
        observer = Observer.open_(Setup(style="json", audit=str(file)), lines=Sink(os.open(os.devnull, os.O_WRONLY)))
        observer.record(Event.CONSENT_GIVEN, client_id="shop", sub="s")
        observer.record(Event.LIMIT_REACHED, limit="token")
        observer.close()
    assert file.read_text().count('"event":"consent.given"') == 2
    assert "limit.reached" not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_an_audit_file_is_never_reached_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="link"):
        Observer.open_(Setup(audit=str(tmp_path / "link")), lines=Sink(os.open(os.devnull, os.O_WRONLY)))
