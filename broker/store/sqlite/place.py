"""Where a database lies: who has it, whether one may be made there, and whether it is the one that was opened still."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from broker.core.errors import ConfigError, StoreUnavailable

KEY: Final = "storage.sqlite.path"
MEMORY: Final = ":memory:"
_PRIVATE: Final = 0o600
_BESIDE: Final = ("-wal", "-shm")


def is_there(path: str) -> bool:
    """Whether there is a database at `path`; a file without a byte is none."""
    return Path(path).is_file() and Path(path).stat().st_size > 0


def check_may_make(path: str, *, expected: str, create: bool, user: int) -> None:
    """Raise ConfigError where making a database at `path` would hide that another one went away.

    `expected`: what outside of the store says that there was one, "" when nothing does. `create`: the operator says
    that there was none. `user`: the id of who would make it.
    """
    log = Path(f"{path}-wal")
    if log.exists() and log.stat().st_size > 0:
        raise ConfigError([f"{KEY}: {path} is gone, and {log} holds writes of it: bring it back, or move that away"])
    reason = expected or (f"{path}.lock says that one was served" if _served_before(path) else "")
    if reason and not create:
        raise ConfigError(
            [
                f"{KEY}: there is no database at {path}, and there was one: {reason}. Bring it back: is a volume not "
                "mounted, a file moved, a path mistyped? An empty database makes everybody somebody new to every app. "
                "For a first start, or to begin anew: broker serve --create"
            ]
        )
    check_owner(path, user=user)


def check_owner(path: str, *, user: int) -> None:
    """Raise ConfigError unless files that `user` makes beside `path` can be opened by the owner of that directory.

    A directory of root may be anybody's who can write there: volumes of containers are mounted so.
    """
    folder = os.path.dirname(path)
    owner = os.stat(folder).st_uid
    if owner not in {0, user}:
        raise ConfigError(
            [f"{KEY}: {folder} belongs to user {owner} and this is user {user}, whose files that one could not open"]
        )


class FileLock:
    """Holds a database, by its name and as a file, until released; the system lets go of it when the process dies.

    The name is held by `<database>.lock`, which says who has it and, once it was found whole, which file that is.
    """

    def __init__(self, path: str) -> None:
        """Raises ConfigError when another process (or another store of this one) has it. `path` without symlinks."""
        self.path = path
        self._name = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE)
        self._file: int | None = None
        try:
            give_to_owner(self._name, path)
            self._take(self._name)
        except BaseException:
            self.release()
            raise
        lines = _lines(path)
        self._write(lines[1] if len(lines) > 1 else "")

    def take_file(self) -> None:
        """Hold the file itself, which may have other names; made, and made private, where there is none.

        It must not have been opened by SQLite in this process: letting go of a file drops every lock SQLite has on it.
        """
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE)
        os.fchmod(self._file, _PRIVATE)
        self._take(self._file)

    @property
    def vouched(self) -> bool:
        """Whether this is the file that was found whole here, so that a start need not wait for a check.

        A process that closed the file wrote down how it left it; of one that was killed the number of the file is
        known. Another file may have the same number, but not where the first was closed and is gone.
        """
        return self._known in {self._opened(), self._closed()}

    def vouch(self) -> None:
        """The file is open and whole."""
        self._write(self._opened())

    def condemn(self) -> None:
        """The file is damaged: the next start reads it before it serves."""
        self._write("damaged")

    def leave(self) -> None:
        """The file is closed, and was whole as far as is known."""
        if is_there(self.path) and self._known == self._opened():
            self._write(self._closed())

    def release(self) -> None:
        """Let the next process in. The lock file stays: removing it would let two processes hold two different ones."""
        for descriptor in (self._file, self._name):
            if descriptor is not None:
                os.close(descriptor)

    def _take(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = (_lines(self.path) or ("?",))[0] if descriptor == self._name else "known by another path"
            problem = f"{KEY}: {self.path} is open in another broker (process {holder}); SQLite serves one at a time"
            raise ConfigError([problem]) from None

    def _opened(self) -> str:
        # Without the device, whose number may change when a volume is mounted again.
        return f"open {os.stat(self.path).st_ino}"

    def _closed(self) -> str:
        found = os.stat(self.path)
        return f"closed {found.st_ino} {found.st_size} {found.st_mtime_ns}"

    def _write(self, known: str) -> None:
        self._known = known
        text = f"{os.getpid()}\n{known}\n" if known else f"{os.getpid()}\n"
        os.truncate(self._name, 0)
        os.pwrite(self._name, text.encode("ascii"), 0)


@dataclass(frozen=True, slots=True)
class OpenFiles:
    """The files of an open database and what they were: device and inode, which no other file has meanwhile."""

    _known: tuple[tuple[str, int, int], ...]

    @classmethod
    def of(cls, path: str) -> OpenFiles:
        """Those of the database opened by this name: the file it leads to, its log and the log's index."""
        real = os.path.realpath(path)
        names = (os.path.abspath(path), *(f"{real}{ending}" for ending in _BESIDE))
        return cls(tuple((name, *_device_and_inode(name)) for name in names))

    def missing(self) -> StoreUnavailable | None:
        """Why the database is not the one that was opened any more; None when it is. Costs three looks at a name."""
        for name, device, inode in self._known:
            try:
                found = _device_and_inode(name)
            except OSError as error:
                return StoreUnavailable(f"sqlite: {name} is gone ({error.strerror}); bring it back")
            if found != (device, inode):
                return StoreUnavailable(f"sqlite: {name} is another file than the one that was opened")
        return None


def give_to_owner(descriptor: int, path: str) -> None:
    """What root makes beside a database belongs to the owner of the directory, who is to use it."""
    if os.geteuid() == 0:
        folder = os.stat(os.path.dirname(path))
        os.fchown(descriptor, folder.st_uid, folder.st_gid)


def _device_and_inode(name: str) -> tuple[int, int]:
    found = os.stat(name)
    return found.st_dev, found.st_ino


def _served_before(path: str) -> bool:
    return len(_lines(path)) > 1


def _lines(path: str) -> tuple[str, ...]:
    """What the lock file says: the process, and the file it has or had."""
    try:
        return tuple(Path(f"{path}.lock").read_text("ascii", "replace").splitlines())
    except FileNotFoundError:
        return ()
