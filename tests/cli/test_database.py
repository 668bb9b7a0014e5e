"""The database as operators meet it: made once, listed without a trace, refused when it is not where it was."""

from __future__ import annotations

import os
import secrets
import sqlite3
import stat
from base64 import b64encode
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tests.cli.conftest import Served

Serve = Callable[..., Served]


def with_master_key(one: Served) -> Served:
    """Configured, as in production."""
    key = b64encode(secrets.token_bytes(32)).decode()
    one.config.write_text(f"{one.config.read_text()}keys: {{master: [{key}]}}\n")
    one.config.chmod(0o600)
    return one


def state(one: Served) -> list[str]:
    """The files of the database."""
    return sorted(path.name for path in one.folder.glob("broker.db*"))


def test_a_listing_makes_nothing(served: Serve) -> None:
    one = served()
    listed = one.broker("keys", "list")
    assert (listed.returncode, listed.stdout) == (1, "")
    assert "no database yet" in listed.stderr
    assert state(one) == []


def test_a_listing_leaves_no_trace_beside_a_database_that_rests_or_was_killed(served: Serve) -> None:
    one = served().start()
    running = one.broker("keys", "list").stdout
    assert one.process is not None
    one.process.kill()
    one.process.wait()
    before = state(one)
    assert "broker.db-wal" in before
    assert one.broker("keys", "list").stdout == running
    assert state(one) == before
    assert one.start().stop() == 0
    before = state(one)
    assert before == ["broker.db", "broker.db.key", "broker.db.lock"]
    assert one.broker("keys", "list").stdout == running
    assert state(one) == before


def test_k23_the_first_start_with_a_master_key_is_a_decision(served: Serve) -> None:
    one = with_master_key(served())
    for words in (("serve",), ("keys", "rotate")):
        refused = one.broker(*words)
        assert refused.returncode == 1
        assert "keys.master is set" in refused.stderr
        assert "broker serve --create" in refused.stderr
        assert state(one) == []
    assert one.start(BROKER_CREATE="1").stop() == 0
    assert b'"event":"database.created"' in one.output
    assert one.start(BROKER_CREATE="").stop() == 0, "once is enough"
    assert b"database.created" not in one.output


def test_k23_a_database_that_is_gone_stops_the_next_start(served: Serve) -> None:
    one = served().start()
    assert one.stop() == 0
    os.rename(one.folder / "broker.db", one.folder / "elsewhere.db")
    before = state(one)
    refused = one.broker("serve")
    assert refused.returncode == 1
    assert f"its key file {one.folder}/broker.db.key is there" in refused.stderr
    assert state(one) == before
    (one.folder / "broker.db.key").unlink()
    assert "broker.db.lock says that one was served" in one.broker("serve").stderr
    os.rename(one.folder / "elsewhere.db", one.folder / "broker.db")
    refused = one.broker("serve")
    assert "keys.master: the signing keys are sealed" in refused.stderr, "it is the one of before"


def test_the_control_socket_is_found_by_every_name_of_the_database(served: Serve, tmp_path: Path) -> None:
    one = served().start()
    os.symlink(one.folder / "broker.db", one.folder / "other.db")
    text = one.config.read_text().replace("path: broker.db", "path: other.db")
    one.config.write_text(text)
    assert one.broker("keys", "rotate", "--algorithm", "ES256").stdout.count("published") == 1
    assert one.stop() == 0


# --- backup and restore ---


def test_a_backup_comes_out_of_the_running_server_and_of_a_database_at_rest(served: Serve) -> None:
    one = served().start()
    running = one.folder / "running.db"
    taken = one.broker("backup", str(running))
    assert (taken.returncode, taken.stderr) == (0, "")
    assert taken.stdout.startswith(f"{running}: ")
    assert taken.stdout.endswith(", 0 accounts, checked\n")
    assert stat.S_IMODE(running.stat().st_mode) == 0o600
    again = one.broker("backup", str(running))
    assert (again.returncode, "is there already" in again.stderr) == (1, True)
    assert b'"event":"database.copied"' in one.output
    assert one.stop() == 0
    rest = one.folder / "rest.db"
    assert one.broker("backup", str(rest)).returncode == 0
    for copy in (running, rest):
        with closing(sqlite3.connect(f"file:{copy}?mode=ro", uri=True)) as db:
            assert db.execute("SELECT count(*) FROM signing_keys").fetchone() == (3,)
    assert not list(one.folder.glob("*.partial"))
    missing = one.broker("backup", str(one.folder / "nowhere" / "copy.db"))
    assert (missing.returncode, "Traceback" in missing.stderr) == (1, False)


def test_a_restore_needs_a_stopped_server_and_makes_it_the_state_of_the_backup(served: Serve) -> None:
    one = served().start()
    copy = str(one.folder / "copy.db")
    before = one.broker("keys", "list").stdout
    assert one.broker("backup", copy).returncode == 0
    one.broker("keys", "rotate", "--now")
    refused = one.broker("restore", copy)
    assert (refused.returncode, "is open in another broker" in refused.stderr) == (1, True)
    assert one.stop() == 0
    done = one.broker("restore", copy, "--end-everything")
    assert (done.returncode, done.stderr) == (0, "")
    assert "0 grants ended" in done.stdout
    assert one.start().broker("keys", "list").stdout == before
    assert b"database.created" not in one.output
    assert one.stop() == 0


def test_k24_a_database_that_is_gone_is_restored_without_another_word(served: Serve) -> None:
    one = with_master_key(served()).start(BROKER_CREATE="1")
    copy = str(one.folder / "copy.db")
    assert one.broker("backup", copy).returncode == 0
    assert one.stop() == 0
    (one.folder / "broker.db").unlink()
    assert one.broker("serve").returncode == 1
    assert one.broker("restore", copy).returncode == 0
    assert one.start().stop() == 0
    assert b"database.created" not in one.output
