"""`broker backup` and `broker restore`: the database as one file, out of the running server and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from broker.cli.common import config_option, fail, read_config

if TYPE_CHECKING:
    from broker.config.model import Config
    from broker.store.sqlite.copy import Copied


@click.command()
@click.argument("file")
@config_option
def backup(file: str, path: str) -> None:
    """Write everything the broker keeps into FILE, a new file that only you can read.

    The running server makes the copy while it serves; without one the database is read. The copy is one moment of the
    database, and is read as a whole before FILE appears. It needs room beside the database for a moment, too.

    The master key is not in it, nor is what Redis holds.
    """
    from broker.cli.backup_files import take_backup
    from broker.core.errors import ConfigError

    config = read_config(path).config
    try:
        copied = take_backup(config, file)
    except (ConfigError, OSError) as error:
        fail([str(error)])
    click.echo(f"{file}: {_about(copied)}, checked")


@click.command()
@click.argument("file")
@click.option(
    "--end-everything", is_flag=True, help="End all that apps were given about people, too: everybody logs in again."
)
@config_option
def restore(file: str, end_everything: bool, path: str) -> None:
    """Put the database of a backup in its place, while no server runs.

    FILE is checked first. The database that was there is kept beside it. Sessions, codes and logins under way do not
    come back, or what was ended or used since the backup would count again; they are removed from Redis as well.

    What apps were given comes back as it was at the time of the backup, also what was revoked since: --end-everything
    ends all of it.
    """
    from broker.cli.backup_files import put_back
    from broker.core.errors import ConfigError, StoreUnavailable

    config: Config = read_config(path).config
    try:
        copied = put_back(config, file, end_everything=end_everything)
    except (ConfigError, StoreUnavailable, OSError) as error:
        fail([str(error)])
    click.echo(f"{config.storage.sqlite.path}: {_about(copied)}, checked")
    if end_everything:
        click.echo(f"{copied.ended} grants ended")
    if copied.kept:
        click.echo(f"what was there is kept as {copied.kept}")


def _about(copied: Copied) -> str:
    return f"{copied.size / 1_000_000:.1f} MB, schema {copied.schema}, {copied.accounts} accounts"
