"""The database file: one process at a time, private to its owner, undamaged, and of a schema we know."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import resources
from urllib.parse import quote

from broker.core.errors import ConfigError, StoreUnavailable
from broker.store.sqlite.place import KEY, MEMORY, FileLock, OpenFiles, check_may_make, is_there

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
    version = version_of(db)
    if version > len(steps):
        raise ConfigError(
            [f"{KEY}: {name} has schema version {version}, this broker knows {len(steps)}: start a newer broker"]
        )
    db.execute("PRAGMA foreign_keys = OFF")  # a table may be rebuilt by a step; the check below makes up for it
    for number, step in enumerate(steps[version:], start=version + 1):
        try:
            db.executescript(f"BEGIN IMMEDIATE; {step}")
            if db.execute("PRAGMA foreign_key_check").fetchone() is not None:
                raise ConfigError([f"{KEY}: {name}: migration {number} would break a reference; nothing was changed"])
            db.execute(f"PRAGMA user_version = {number}")
            db.execute("COMMIT")
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")
    db.execute("PRAGMA foreign_keys = ON")


@dataclass(frozen=True, slots=True)
class Database:
    """An open database: `writer` does all writes and all checkpoints, `reader` (none in memory) is for point reads.

    One writing connection is not only simple: SQLite before 3.51.3 can corrupt a WAL file when two connections write
    and checkpoint at the same moment (https://sqlite.org/wal.html#walresetbug, read 2026-11).
    """

    writer: sqlite3.Connection
    reader: sqlite3.Connection | None
    created: bool
    _files: OpenFiles | None
    _lock: FileLock | None
    _held: ExitStack

    def missing(self) -> StoreUnavailable | None:
        """Why these connections lead to another file than the path by now; None when all is well."""
        return None if self._files is None else self._files.missing()

    def take_log_in(self) -> None:
        """Write the WAL into the file, wherever that is by now, so that it is whole without the log beside its path.

        Nothing is left in the log then that SQLite would add to another file which lies at the path later.
        """
        self.writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def condemn(self) -> None:
        """Remember for the next start that the file is damaged."""
        if self._lock is not None:
            self._lock.condemn()

    def connect(self) -> sqlite3.Connection:
        """One more connection that only reads, for work of seconds; close it before the database, which has a file."""
        if self._lock is None:
            raise sqlite3.ProgrammingError("a database in memory has one connection")
        return connect_reader(self._lock.path)

    def close(self) -> None:
        """Close the reader, then the writer, which empties the WAL into the file, then let go of the lock."""
        self._held.close()


def open_database(
    path: str, *, steps: Sequence[str] | None = None, create: bool = False, expected: str = ""
) -> Database:
    """Open the file and bring it to the newest schema (`steps`: other migrations than ours).

    Where there is none, it is made, unless something says that there was one (`expected`: something outside of here):
    then only with `create`. Raises ConfigError, naming the setting, for a file that is in use, gone, unreachable, of a
    newer schema, or damaged; the last is found here only where the file was put in place by somebody else.
    """
    with ExitStack() as held:
        try:
            if path == MEMORY:
                return _open_in_memory(held, schema() if steps is None else steps)
            real = os.path.realpath(path)
            if not is_there(real):
                check_may_make(real, expected=expected, create=create, user=os.geteuid())
            return _open(path, real, schema() if steps is None else steps, held)
        except (sqlite3.Error, OSError) as error:
            raise ConfigError([f"{KEY}: {path} cannot be opened: {error}"]) from error


@contextmanager
def reading(path: str) -> Iterator[sqlite3.Connection]:
    """A connection to the database at `path` that makes and changes nothing, there or beside it.

    A server may have it open meanwhile. Raises ConfigError when there is none, or none that we can read.
    """
    real = os.path.realpath(path)
    if path == MEMORY or not is_there(real):
        raise ConfigError([f"{KEY}: no database yet at {path}: `broker serve` makes it"])
    with ExitStack() as held:
        try:
            # A file without a log is read as it lies there; SQLite would make a log for a reader, too.
            alone = not os.path.exists(f"{real}-wal") and _held_by_nobody(real, held)
            how = "mode=ro&immutable=1" if alone else "mode=ro"
            db = sqlite3.connect(f"file:{quote(real)}?{how}", uri=True, isolation_level=None, timeout=1.0)
            held.callback(db.close)
            db.execute("PRAGMA trusted_schema = OFF")
            if not 0 < version_of(db) <= len(schema()):
                raise ConfigError([f"{KEY}: {path} is no database of this broker, or of a newer one"])
            yield db
        except (sqlite3.Error, OSError) as error:
            raise ConfigError([f"{KEY}: {path} cannot be read: {error}"]) from error


def _held_by_nobody(real: str, held: ExitStack) -> bool:
    """Keep servers out while we read; False when one has the file."""
    descriptor = os.open(real, os.O_RDONLY | os.O_CLOEXEC)
    held.callback(os.close, descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _open_in_memory(held: ExitStack, steps: Sequence[str]) -> Database:
    writer = _connect(MEMORY, held)
    migrate(writer, steps)
    return Database(writer, None, False, None, None, held.pop_all())


def _open(path: str, real: str, steps: Sequence[str], held: ExitStack) -> Database:
    lock = FileLock(real)
    held.callback(lock.release)
    lock.take_file()
    held.callback(lock.leave)
    writer = _connect(real, held)
    created = version_of(writer) == 0
    if not (created or lock.vouched):
        check_whole(writer, path)
    log_ahead(writer, path)
    migrate(writer, steps, name=path)
    reader = connect_reader(real)
    held.callback(reader.close)
    lock.vouch()
    return Database(writer, reader, created, OpenFiles.of(path), lock, held.pop_all())


def connect_reader(real: str) -> sqlite3.Connection:
    """A connection that neither writes nor checkpoints; whoever has it uses it from one thread at a time."""
    with ExitStack() as held:
        db = _connect(real, held)
        db.execute("PRAGMA query_only = ON")
        db.execute("PRAGMA wal_autocheckpoint = 0")
        held.pop_all()
    return db


def _connect(path: str, held: ExitStack) -> sqlite3.Connection:
    """A connection in autocommit mode; whoever has it uses it from one thread at a time."""
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1.0, cached_statements=256)
    held.callback(db.close)
    for setting in _SETTINGS:
        db.execute(f"PRAGMA {setting}")
    return db


def version_of(db: sqlite3.Connection) -> int:
    """Of its schema; 0 when there is none."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def check_whole(db: sqlite3.Connection, path: str) -> None:
    """Raise ConfigError when the file is damaged. It is read as a whole: seconds for every gigabyte, and more."""
    found = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        raise ConfigError([f"{KEY}: {path} is damaged ({found}): restore a backup"])


def log_ahead(db: sqlite3.Connection, path: str) -> None:
    """Turn the file to WAL; raises ConfigError where the file system cannot do that."""
    mode = db.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise ConfigError([f"{KEY}: {path} is on a file system without shared memory; use a local disk"])
