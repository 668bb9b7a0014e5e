"""docs/how-to/change-the-configuration.md, done to a running broker by its commands; and SIGHUP."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any, Final
from urllib.request import urlopen

from tests.cli.conftest import Served, with_wait

Serve = Callable[..., Served]
PAGE: Final = (Path(__file__).parents[2] / "docs/how-to/change-the-configuration.md").read_text(encoding="utf-8")
BLOCKS: Final = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def edit(one: Served) -> None:
    """Put what the page adds into the file: the clients below those that are there."""
    (added,) = (text for kind, text in BLOCKS if kind == "yaml")
    tokens, _, client = added.partition("clients:\n")
    one.config.write_text(one.config.read_text() + client + tokens)


def events(one: Served, name: str) -> list[dict[str, Any]]:
    """Those of this name in the log so far."""
    lines = [json.loads(line) for line in one.output.splitlines() if line.endswith(b"}")]
    return [line for line in lines if line["event"] == name]


def metric(one: Served, name: str) -> str:
    """A sample of the metrics."""
    with urlopen(f"http://127.0.0.1:{one.management}/metrics", timeout=20) as answer:
        found = re.search(rf"^{re.escape(name)} (.+)$", answer.read().decode(), re.MULTILINE)
    return found[1] if found else ""


def test_the_page_from_top_to_bottom(served: Serve) -> None:
    one = served().start()
    before = one.config.read_text()
    steps = [(kind, text) for kind, text in BLOCKS if kind != "yaml"]
    assert [kind for kind, _ in steps] == ["sh", "text", "sh", "sh", "text", "sh", "text"]
    (_, look), (_, differs), (_, origin), (_, take), (_, taken), (_, again), (_, refused) = steps
    edit(one)
    told = one.broker(*look.split()[1:])
    assert (told.returncode, told.stdout.splitlines()[:-1]) == (1, differs.splitlines())
    shown = one.broker(*origin.split()[1:])
    assert re.search(rf"^tokens\.code_ttl +90s +{re.escape(str(one.config))}:\d+$", shown.stdout, re.MULTILINE), shown
    told = one.broker(*take.split()[1:])
    assert (told.returncode, told.stdout.splitlines()[:-1]) == (0, taken.splitlines())
    revision = told.stdout.split()[-4]
    assert metric(one, f'broker_config_info{{revision="{revision}"}}') == "1.0"
    assert one.broker("config", "diff").returncode == 0
    one.config.write_text(before.replace("name: Shop", "nam: Shop"))
    told = one.broker(*again.split()[1:])
    assert told.returncode == 1
    assert told.stderr.strip().endswith(refused.strip())
    assert one.broker("config", "diff").returncode == 2
    (done,), (failed,) = events(one, "config.reloaded"), events(one, "config.reload_failed")
    assert (done["revision"], done["changed"], done["audit"]) == (revision, "tokens.code_ttl clients.store", True)
    assert (failed["revision"], done["by"] == failed["by"] != "") == (revision, True)
    assert metric(one, "broker_config_last_reload_successful") == "0.0"
    assert one.stop() == 0
    refused_now = one.broker("reload")
    assert (refused_now.returncode, "no broker runs" in refused_now.stderr) == (1, True)


def test_what_the_page_says_needs_a_restart_does(served: Serve) -> None:
    (named,) = re.findall(r"\*\*`… needs a restart`\*\*: (.*?) are what the process", PAGE, re.DOTALL)
    for key in ("issuer", "server", "storage", "keys", "network", "limits.request_body", "logging.format"):
        assert f"`{key}`" in named
    one = served().start()
    one.config.write_text(one.config.read_text() + "keys: {keep_after: 40d}\nlimits: {request_body: 1KiB}\n")
    told = json.loads(one.broker("reload", "--json").stdout)
    assert told["problems"] == [
        "keys.keep_after: needs a restart; nothing was changed",
        "limits.request_body: needs a restart; nothing was changed",
    ]
    assert one.stop() == 0


def test_sighup_reloads_and_the_log_says_what_came_of_it(served: Serve) -> None:
    one = served().start()
    assert one.process is not None
    edit(one)
    for text, event in ((None, "config.reloaded"), ("issuer: [", "config.reload_failed")):
        if text is not None:
            one.config.write_text(text)
        one.process.send_signal(signal.SIGHUP)
        until = monotonic() + 60
        while not events(one, event):
            assert monotonic() < until, one.output.decode()
            with_wait(0.05)
        assert events(one, event)[0]["by"] == "SIGHUP"
    assert one.stop() == 0


def test_a_file_beside_which_nothing_runs_is_looked_at_for_its_database_alone(served: Serve) -> None:
    one = served()
    for text, why in (("colour: red\n", "no broker runs on the database of"), ("a: [", "is not YAML")):
        one.config.write_text(text)
        told = one.broker("reload")
        assert (told.returncode, why in told.stderr) == (1, True), told.stderr
        assert one.broker("config", "diff").returncode == 2
