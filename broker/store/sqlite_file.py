"""The database file: one process at a time, private to its owner, undamaged, and of a schema we know."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from broker.core.errors import ConfigError, StoreUnavailable

_KEY = "storage.sqlite.path"
_PRIVATE = 0o600
MEMORY = ":memory:"
_THOROUGH_UP_TO = 1 << 30  # bytes; such a file takes about nine seconds, and a quick check a third of that
_SETTINGS = ("synchronous = FULL", "foreign_keys = ON", "cell_size_check = ON", "trusted_schema = OFF")
# Errors of a statement that was wrong; everything else SQLite reports is about the disk, the file or the machine.
_OURS = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.DataError, sqlite3.NotSupportedError)


def unavailable(error: sqlite3.Error) -> StoreUnavailable | sqlite3.Error:
    """`error` as StoreUnavailable when the file or its disk is to blame, unchanged when our statement is."""
    if isinstance(error, _OURS) or not isinstance(error, sqlite3.DatabaseError):
        return error
    # sqlite_errorname is absent when the module itself refused, before the library was asked.
    return StoreUnavailable(f"sqlite: {getattr(error, 'sqlite_errorname', 'refused')}")


def schema() -> tuple[str, ...]:
    """The migrations in order; the one at index n leads to schema version n + 1."""
    folder = resources.files("broker.store").joinpath("migrations")
    scripts = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return tuple(script.read_text(encoding="utf-8") for script in scripts)


def migrate(db: sqlite3.Connection, steps: Sequence[str], *, name: str = MEMORY) -> None:
    """Bring the schema of `db` to version len(steps).

    Each step is one transaction together with the version it leads to, so a process killed in the middle left either
    the old version or the new one. Raises ConfigError for a schema newer than `steps`, which an older broker must not
    touch, and for one that breaks a foreign key afterwards.
    """
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    if version > len(steps):
        raise ConfigError(
            [f"{_KEY}: {name} has schema version {version}, this broker knows {len(steps)}: start a newer broker"]
        )
    db.execute("PRAGMA foreign_keys = OFF")  # a table may be rebuilt by a step; the check below makes up for it
    for number, step in enumerate(steps[version:], start=version + 1):
        try:
            db.executescript(f"BEGIN IMMEDIATE; {step}")
            if db.execute("PRAGMA foreign_key_check").fetchone() is not None:
                raise ConfigError([f"{_KEY}: {name}: migration {number} would break a reference; nothing was changed"])
            db.execute(f"PRAGMA user_version = {number}")
            db.execute("COMMIT")
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")
    db.execute("PRAGMA foreign_keys = ON")


class FileLock:
    """Holds the file `<database>.lock` until released; the system lets go of it when the process dies."""

    def __init__(self, path: str) -> None:
        """Raises ConfigError when another process (or another store of this one) holds it."""
        self._descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._descriptor, 32).decode("ascii", "replace").strip()
            os.close(self._descriptor)
            problem = f"{_KEY}: {path} is open in another broker (process {holder}); SQLite serves one at a time"
            raise ConfigError([problem]) from None
        os.truncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode("ascii"), 0)

    def release(self) -> None:
        """Let the next process in. The file stays: removing it would let two processes hold two different locks."""
        os.close(self._descriptor)


@dataclass(frozen=True, slots=True)
class Database:
    """An open database: `writer` does all writes and all checkpoints, `reader` (none in memory) is for point reads.

    One writing connection is not only simple: SQLite before 3.51.3 can corrupt a WAL file when two connections write
    and checkpoint at the same moment (https://sqlite.org/wal.html#walresetbug, read 2026-11).
    """

    writer: sqlite3.Connection
    reader: sqlite3.Connection | None
    _held: ExitStack

    def close(self) -> None:
        """Close the reader, then the writer, which empties the WAL into the file, then let go of the lock."""
        self._held.close()


def open_database(path: str, *, steps: Sequence[str] | None = None) -> Database:
    """Open or make the file and bring it to the newest schema (`steps`: other migrations than ours).

    Raises ConfigError, naming the setting, for a file that is in use, damaged, unreachable or of a newer schema.
    """
    with ExitStack() as held:
        try:
            return _open(path, schema() if steps is None else steps, held)
        except (sqlite3.Error, OSError) as error:
            raise ConfigError([f"{_KEY}: {path} cannot be opened: {error}"]) from error


def _open(path: str, steps: Sequence[str], held: ExitStack) -> Database:
    in_file = path != MEMORY
    if in_file:
        held.callback(FileLock(path).release)
        _make_private(path)
    writer = _connect(path, held)
    if in_file:
        check_whole(writer, path)
    migrate(writer, steps, name=path)
    reader = _connect(path, held) if in_file else None
    if reader is not None:
        reader.execute("PRAGMA query_only = ON")
        reader.execute("PRAGMA wal_autocheckpoint = 0")
    return Database(writer, reader, held.pop_all())


def _make_private(path: str) -> None:
    """Only the owner reads the file. SQLite gives the files it puts beside it the same mode."""
    Path(path).touch(mode=_PRIVATE)
    os.chmod(path, _PRIVATE)


def _connect(path: str, held: ExitStack) -> sqlite3.Connection:
    """A connection in autocommit mode; whoever has it uses it from one thread at a time."""
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1.0, cached_statements=256)
    held.callback(db.close)
    for setting in _SETTINGS:
        db.execute(f"PRAGMA {setting}")
    return db


def check_whole(db: sqlite3.Connection, path: str) -> None:
    """Turn the file to WAL; raises ConfigError when it is damaged, rather now than for the person whose row it is."""
    # Only the thorough check compares tables with their indexes: a flipped bit there hides a person from a look-up.
    size = db.execute("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").fetchone()[0]
    thorough = size <= _THOROUGH_UP_TO
    found = db.execute("PRAGMA integrity_check(1)" if thorough else "PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise ConfigError([f"{_KEY}: {path} is damaged ({found}): restore a backup"])
    mode = db.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise ConfigError([f"{_KEY}: {path} is on a file system without shared memory; use a local disk"])
