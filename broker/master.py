"""The master key: given in the configuration, or made beside the database on first start."""

from __future__ import annotations

import os
import secrets
import stat
from base64 import b64encode
from pathlib import Path

from pydantic import SecretStr

from broker.config.model import Config
from broker.config.values import parse_master_key
from broker.core.errors import ConfigError

MEMORY = ":memory:"


def load_masters(config: Config) -> tuple[bytes, ...]:
    """Keys of 32 bytes, the sealing one first; raises ConfigError for a key file others may read."""
    if config.keys.master:
        return tuple(parse_master_key(key) for key in config.keys.master)
    if config.storage.sqlite.path == MEMORY:
        return (secrets.token_bytes(32),)
    return (_load_or_make(Path(f"{config.storage.sqlite.path}.key")),)


def _load_or_make(path: Path) -> bytes:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _load(path)
    except OSError as error:
        raise ConfigError([f"keys.master: {path} cannot be made ({error.strerror}); set keys.master"]) from None
    key = secrets.token_bytes(32)
    with os.fdopen(handle, "wb") as file:
        file.write(b64encode(key) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    return key


def _load(path: Path) -> bytes:
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise ConfigError([f"keys.master: others can read {path}; run chmod 600 on it"])
    try:
        return parse_master_key(SecretStr(path.read_text("ascii").strip()))
    except ValueError as error:
        raise ConfigError([f"keys.master: {path}: {error}"]) from None
