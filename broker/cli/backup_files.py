"""How a backup gets from the server into a file, and from a file into its place."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from pathlib import Path

from broker.cli.control import ask_server
from broker.config.model import Config
from broker.core.errors import StoreUnavailable
from broker.store.sqlite.copy import Copied, check_copy, copy_into, restore
from broker.store.sqlite.file import reading


def take_backup(config: Config, target: str) -> Copied:
    """Make `target`, which must not be there; raises ConfigError and OSError, and leaves nothing then."""
    if os.path.lexists(target):
        raise FileExistsError(f"{target} is there already; a backup overwrites nothing")
    partial = f"{target}.partial"
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            answer = ask_server(config.storage.sqlite.path, {"do": "copy"})
            if answer is not None and answer.file is not None:
                with os.fdopen(answer.file, "rb") as copy:
                    shutil.copyfileobj(copy, file, 1 << 20)
            else:
                with reading(config.storage.sqlite.path) as db:
                    copy_into(db, partial)
            file.flush()
            os.fsync(file.fileno())
        copied = check_copy(partial)
        os.rename(partial, target)
    finally:
        Path(partial).unlink(missing_ok=True)
    return copied


def put_back(config: Config, source: str, *, end_everything: bool) -> Copied:
    """Restore `source`; raises ConfigError, StoreUnavailable and OSError, and has changed no database then."""
    return restore(
        source,
        config.storage.sqlite.path,
        now=int(time.time()),
        end_everything=end_everything,
        before=lambda: asyncio.run(_empty_redis(config)),
    )


async def _empty_redis(config: Config) -> None:
    if config.storage.transient != "redis" or config.storage.redis is None:
        return
    from redis.asyncio import Redis
    from redis.exceptions import RedisError

    client = Redis.from_url(config.storage.redis.url.get_secret_value(), socket_connect_timeout=4, socket_timeout=4)
    try:
        async for key in client.scan_iter(match=f"{_literally(config.storage.redis.prefix)}*", count=1000):
            await client.unlink(key)
    except (RedisError, OSError) as error:
        raise StoreUnavailable(f"redis: {type(error).__name__}: nothing was restored") from error
    finally:
        await client.aclose()


def _literally(prefix: str) -> str:
    """`prefix` in the language of SCAN's patterns."""
    return "".join(f"\\{sign}" if sign in "*?[]\\" else sign for sign in prefix)
