"""The master key: given in the configuration, or made beside the database on first start."""

from __future__ import annotations

import os
import secrets
import stat
import tempfile
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pydantic import SecretStr

from broker.config.model import Config
from broker.config.values import parse_master_key
from broker.core.errors import ConfigError, SealBroken
from broker.store.sqlite.place import MEMORY, check_owner


def load_masters(config: Config) -> tuple[bytes, ...]:
    """Keys of 32 bytes, the sealing one first; raises ConfigError for a key file others may read."""
    if config.master_keys:
        return config.master_keys
    if config.storage.sqlite.path == MEMORY:
        return (secrets.token_bytes(32),)
    return (_load_or_make(Path(f"{config.storage.sqlite.path}.key")),)


def expect_database(config: Config) -> str:
    """What in the configuration or beside the database says that there was one; "" when nothing does."""
    if config.master_keys:
        return "keys.master is set"
    key = Path(f"{config.storage.sqlite.path}.key")
    return f"its key file {key} is there" if key.exists() else ""


def _load_or_make(path: Path) -> bytes:
    try:
        if not path.exists():
            check_owner(str(path), user=os.geteuid())
            _make(path)
    except OSError as error:
        raise ConfigError([f"keys.master: {path} cannot be made ({error.strerror}); set keys.master"]) from None
    return _load(path)


def _make(path: Path) -> None:
    """All of it or nothing, also when the power fails: what it seals cannot be opened without it."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # readable by its owner only
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(b64encode(secrets.token_bytes(32)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another process was faster: its key is the key
            os.link(name, path)
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    finally:
        Path(name).unlink(missing_ok=True)


def _load(path: Path) -> bytes:
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise ConfigError([f"keys.master: others can read {path}; run chmod 600 on it"])
    try:
        return parse_master_key(SecretStr(path.read_text("ascii").strip()))
    except ValueError as error:
        raise ConfigError([f"keys.master: {path}: {error}"]) from None


@contextmanager
def another_master_key(what: str) -> Iterator[None]:
    """Say so, as a ConfigError, when `what` was sealed with another master key."""
    try:
        yield
    except SealBroken:
        raise ConfigError(
            [
                f"keys.master: {what} sealed in the database with another master key; put that one back, as the second "
                "entry of keys.master if a new one is to seal from now on"
            ]
        ) from None
