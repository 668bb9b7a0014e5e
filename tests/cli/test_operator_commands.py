"""`broker account`, `session` and `consent`: by the running server or the database itself, as lines or as JSON."""

from __future__ import annotations

import getpass
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing

import click
import pytest
from click.testing import CliRunner

from broker.cli import main
from broker.cli.told import show
from broker.core.operators.catalogue import USE_CASES
from broker.core.operators.question import Kind, UseCase
from tests.cli.conftest import Served

Serve = Callable[..., Served]
SUB = "k4fq3s7d2c5b6a7z4y3x2w1v2u"
each_case = pytest.mark.parametrize("case", USE_CASES.values(), ids=lambda case: case.name)


@each_case
def test_a_command_for_each_use_case_takes_what_the_catalogue_says(case: UseCase) -> None:
    *nouns, verb = case.name.split(".")
    group: click.Command = main
    for noun in nouns:
        assert isinstance(group, click.Group)
        group = group.commands[noun]
    assert isinstance(group, click.Group)
    params = {one.name: one for one in group.commands[verb].params}
    plain = [one for one in case.parameters if one.kind is not Kind.OBJECT]
    by_key = {"said", "from_file"} if len(plain) < len(case.parameters) else set[str]()
    assert params.keys() == {one.name for one in plain} | {"as_json", "path"} | by_key
    assert {name for name, one in params.items() if one.required} == {one.name for one in plain if one.required}
    told = CliRunner().invoke(main, [*nouns, verb, "--help"]).output
    assert all(one.name.upper() in told for one in case.parameters if not one.named)


def test_people_are_looked_after_in_the_running_server_and_without_it(served: Serve) -> None:
    one = served().start()
    with closing(sqlite3.connect(one.folder / "broker.db", timeout=20)) as db, db:
        db.execute("INSERT INTO accounts (sub, created_at) VALUES (?, 1800000000)", (SUB,))
    listed = one.broker("account", "find")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert f"{SUB}  2027-01-15 08:00  no" in listed.stdout
    blocked = one.broker("account", "block", SUB, "--why", "left\N{EM DASH}ticket 7", "--json")
    assert json.loads(blocked.stdout) == {"sub": SUB, "blocked": True, "changed": True}
    lines = [json.loads(line) for line in one.output.splitlines() if b'"operator.acted"' in line]
    acted = lines[-1]
    told = {name: acted[name] for name in ("use_case", "sub", "by", "why", "outcome")}
    assert told == {
        **{"use_case": "account.block", "sub": SUB, "by": getpass.getuser()},
        **{"why": "left\N{EM DASH}ticket 7", "outcome": "done"},
    }
    assert one.stop() == 0
    offline = one.broker("account", "show", SUB, "--json")
    assert json.loads(offline.stdout)["blocked_why"] == "left\N{EM DASH}ticket 7"
    assert one.broker("account", "unblock", SUB, "--why", "back").returncode == 0
    assert one.start().broker("account", "find", "--blocked").stdout == "accounts: -\n"
    assert one.stop() == 0


def test_a_refusal_is_one_line_and_an_exit_code_and_in_json_an_error(served: Serve) -> None:
    one = served().start()
    refused = one.broker("account", "end", "nobody", "--why", "x")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "there is no such account, or it was deleted\n"
    as_json = one.broker("account", "end", "nobody", "--why", "x", "--json")
    assert (as_json.returncode, json.loads(as_json.stdout)["error"]) == (1, "not_found")
    assert "from 1 to 500" in one.broker("account", "find", "--limit", "0").stderr
    assert one.broker("account", "block", "nobody").returncode == 2, "--why is missing"
    assert one.stop() == 0


def test_where_there_is_no_database_none_is_made(served: Serve) -> None:
    one = served()
    refused = one.broker("account", "find")
    assert (refused.returncode, "no database yet" in refused.stderr) == (1, True)
    assert not list(one.folder.glob("broker.db*"))


def test_what_others_chose_is_shown_on_one_line_each() -> None:
    ways = [{"way": "w1", "name": "A\x1b[2J\nB", "email_verified": False}, {"way": "w2", "seen_at": 1_800_000_000}]
    lines = list(show({"sub": "s1", "former": [], "ways": ways}))
    assert lines == [
        "sub: s1",
        "former: -",
        "ways:",
        "  WAY  NAME     EMAIL_VERIFIED  SEEN_AT",
        "  w1   A\ufffd[2J\ufffdB  no              -",
        "  w2   -        -               2027-01-15 08:00",
    ]
