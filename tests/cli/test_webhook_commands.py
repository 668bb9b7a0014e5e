"""docs/how-to/webhooks.md, done: its receiver hears what operators do, also when one of the two was killed between."""

from __future__ import annotations

import json
import os
import re
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import IO, Final

import pytest

from tests.cli.conftest import Served
from tests.ports import free_port

Serve = Callable[..., Served]
SUB = "k4fq3s7d2c5b6a7z4y3x2w1v2u"
PAGE: Final = (Path(__file__).parents[2] / "docs/how-to/webhooks.md").read_text(encoding="utf-8")
COMMANDS: Final = [shlex.split(line) for line in re.findall(r"^broker (.+)$", PAGE, re.MULTILINE)]
RISC: Final = "https://schemas.openid.net/secevent/risc/event-type/"
VERIFICATION: Final = "https://schemas.openid.net/secevent/ssf/event-type/verification"


def block_of(language: str) -> str:
    """The one block of the page in this language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


def hand_on(lines: IO[str], heard: SimpleQueue[str]) -> None:
    """Whatever comes, as it comes."""
    for line in lines:
        heard.put(line)


@contextmanager
def receiving(one: Served, port: int) -> Iterator[SimpleQueue[str]]:
    """The receiver of the page as a process: the lines that it prints."""
    heard = SimpleQueue[str]()
    (one.folder / "receiver.py").write_text(block_of("python"), encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-W", "error", str(one.folder / "receiver.py")],
        env=os.environ | {"ISSUER": one.issuer.replace("id.localhost", "127.0.0.1"), "PORT": str(port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    reader = Thread(target=hand_on, args=(process.stdout, heard), daemon=True)
    reader.start()
    try:
        yield heard
    finally:
        process.kill()
        process.wait()
        reader.join(10)
        process.stdout.close()


@pytest.fixture
def told(served: Serve) -> tuple[Served, int]:
    """A broker that is not running yet, with the webhook of the page on this machine, and the port of that."""
    one, port = served(), free_port()
    url = f"http://127.0.0.1:{port}/events"
    text = one.config.read_text().replace("id.localhost", "127.0.0.1")
    one.issuer = one.issuer.replace("id.localhost", "127.0.0.1")
    settings = block_of("yaml").replace("https://crm.example.com/events", url)
    one.config.write_text(f"{text}network: {{client_networks: [127.0.0.0/8]}}\n{settings}")
    return one, port


def add_account(one: Served) -> None:
    """Somebody who signed in once."""
    with closing(sqlite3.connect(one.folder / "broker.db", timeout=20)) as db, db:
        db.execute("INSERT INTO accounts (sub, created_at) VALUES (?, 1800000000)", (SUB,))


def read_line(line: str) -> tuple[str, str]:
    """The type of an event, and whom it is about."""
    kind, _, rest = line.partition(" ")
    subject, _ = json.JSONDecoder().raw_decode(rest)
    return kind, subject.get("sub") or subject["id"]


def test_the_receiver_of_the_page_hears_what_the_commands_of_the_page_and_operators_do(
    told: tuple[Served, int],
) -> None:
    one, port = told
    one.start()
    add_account(one)
    test, show = COMMANDS
    refused = one.broker(*test, "--json")
    assert json.loads(refused.stdout) == {"name": "crm", "taken": False, "reason": "refused"}
    with receiving(one, port) as heard:
        while not json.loads(one.broker(*test, "--json").stdout)["taken"]:
            pass  # it is starting
        assert read_line(heard.get(timeout=60)) == (VERIFICATION, "crm")
        assert one.broker("account", "block", SUB, "--why", "left").returncode == 0
        assert read_line(heard.get(timeout=60)) == (f"{RISC}account-disabled", SUB)
        listed = one.broker(*show)
        assert "crm   127.0.0.1" in listed.stdout, listed.stdout
    assert b'"webhook.told"' in one.output
    assert one.stop() == 0


def test_k27_killed_between_the_deed_and_the_push_the_event_arrives_after_the_restart(told: tuple[Served, int]) -> None:
    one, port = told
    one.start()
    add_account(one)
    assert one.broker("account", "block", SUB, "--why", "left").returncode == 0
    assert one.process is not None
    one.process.kill()
    one.process.wait()
    assert one.broker("account", "unblock", SUB, "--why", "back").returncode == 0, "without a server, too"
    with receiving(one, port) as heard:
        one.start()
        found = {read_line(heard.get(timeout=90)) for _ in range(2)}
    assert found == {(f"{RISC}account-disabled", SUB), (f"{RISC}account-enabled", SUB)}
    assert one.stop() == 0
