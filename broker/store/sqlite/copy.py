"""Copies of a database as one whole file: taken while it is used, checked, and put back in its place."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from broker.core.errors import ConfigError
from broker.store.sqlite.file import check_whole, migrate, reading, schema, version_of
from broker.store.sqlite.place import KEY, FileLock, check_owner, is_there

_PAGES: Final = 500  # copied at once; between them others have the processor and the disk


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy holds: `size` in bytes, the version of its schema, how many accounts."""

    size: int
    schema: int
    accounts: int
    ended: int = 0
    """How many grants of it were ended."""
    kept: str = ""
    """Where the file is whose place it took, "" when there was none."""


def copy_into(db: sqlite3.Connection, target: str, *, step: Callable[[], None] = lambda: None) -> None:
    """Everything committed when it begins, into the empty file `target`, which then needs no other file.

    Writers go on meanwhile and do not make it begin anew. `step` is called now and then and may raise. The copy is not
    forced to the disk.
    """
    with closing(sqlite3.connect(target, isolation_level=None)) as copy:
        copy.execute("PRAGMA synchronous = OFF")
        db.execute("BEGIN")
        try:
            db.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # what is committed later is not in the copy
            db.backup(copy, pages=_PAGES, progress=lambda *_: step())
        finally:
            db.execute("ROLLBACK")
        copy.execute("PRAGMA journal_mode = DELETE").fetchone()


def copy_without_name(db: sqlite3.Connection, path: str, *, step: Callable[[], None]) -> int:
    """`copy_into` a file beside `path` that has no name: a descriptor to read it by, which keeps it until closed."""
    with _beside(path, "copy") as name:
        copy_into(db, name, step=step)
        return os.open(name, os.O_RDONLY | os.O_CLOEXEC)


def check_copy(path: str) -> Copied:
    """Read the whole file; raises ConfigError when it is damaged, or no database of ours."""
    with reading(path) as db:
        check_whole(db, path)
        accounts = db.execute("SELECT count(*) FROM accounts").fetchone()[0]
        return Copied(os.stat(path).st_size, version_of(db), int(accounts))


def restore(source: str, path: str, *, now: int, end_everything: bool, before: Callable[[], None]) -> Copied:
    """Put the state of the backup `source` in the place of the database at `path`, whole or not at all.

    Nothing transient comes back, for a code that was spent or a session that ended since then would count again. With
    `end_everything` no grant does either. `before` is called when the copy is ready. What was in the place is kept
    beside it. Raises ConfigError when the backup is damaged or a server has the database, OSError.
    """
    real = os.path.realpath(path)
    with ExitStack() as held:
        if os.geteuid() != 0:
            check_owner(real, user=os.geteuid())
        lock = FileLock(real)
        held.callback(lock.release)
        if is_there(real):
            lock.take_file()
        with _beside(real, "restoring") as name:
            copied = _prepare(source, name, now=now, end_everything=end_everything)
            _give_to_owner(name, real)
            before()
            copied = replace(copied, kept=_make_room(real, now))
            os.rename(name, real)
        _sync(os.path.dirname(real))
        lock.vouch()
        lock.leave()
        return copied


def _prepare(source: str, name: str, *, now: int, end_everything: bool) -> Copied:
    with reading(source) as backup:
        copy_into(backup, name)
    try:
        with closing(sqlite3.connect(name, isolation_level=None)) as db:
            check_whole(db, source)
            migrate(db, schema(), name=source)
            db.execute("BEGIN IMMEDIATE")
            db.execute("DELETE FROM transient")
            ended = _end_everything(db, now) if end_everything else 0
            db.execute("COMMIT")
    except sqlite3.Error as error:
        raise ConfigError([f"{KEY}: {source} cannot be restored: {error}"]) from error
    _sync(name)
    return replace(check_copy(name), ended=ended)


def _end_everything(db: sqlite3.Connection, now: int) -> int:
    # Revoked and not deleted: the digest of its code stands in the row, so the code stays spent.
    ended = db.execute("UPDATE grants SET revoked_at = ? WHERE revoked_at IS NULL", (now,)).rowcount
    db.execute("DELETE FROM session_clients")
    db.execute("DELETE FROM kept_logins")
    return ended


def _give_to_owner(name: str, real: str) -> None:
    """What root puts in place belongs to whom the file belonged that was there, or to the owner of the directory."""
    if os.geteuid() == 0:
        owner = os.stat(real if is_there(real) else os.path.dirname(real))
        os.chown(name, owner.st_uid, owner.st_gid)


def _make_room(real: str, now: int) -> str:
    """Move away what is in the place; where to.

    The database first: killed in between, the next start finds none, and never one without its last writes.
    """
    kept = f"{real}.replaced-{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}" if is_there(real) else ""
    if kept:
        os.rename(real, kept)
    if Path(f"{real}-wal").exists():
        os.rename(f"{real}-wal", f"{kept or real + '.replaced'}-wal")
    Path(f"{real}-shm").unlink(missing_ok=True)
    return kept


@contextmanager
def _beside(path: str, what: str) -> Iterator[str]:
    """A private file beside `path`, empty; gone at the end unless it was renamed. Those of killed processes go, too."""
    folder, beginning = os.path.dirname(path), f"{os.path.basename(path)}.{what}-"
    for left in Path(folder).glob(f"{beginning}*"):
        left.unlink()
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=beginning)
    os.close(descriptor)
    try:
        yield name
    finally:
        Path(name).unlink(missing_ok=True)


def _sync(name: str) -> None:
    descriptor = os.open(name, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
