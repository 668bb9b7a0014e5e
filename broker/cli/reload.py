"""`broker reload`: the running broker reads its configuration anew."""

from __future__ import annotations

from typing import Any

import click

from broker.cli.common import config_option, fail


@click.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def reload(path: str, as_json: bool) -> None:
    """Have the running broker read its configuration anew, and print what changed.

    All of it is taken over, or nothing is: where the file is not in order, or changes what needs a restart, everything
    stays as it was, the reasons are printed and the exit code is 1. No connection is dropped, and logins under way go
    on. The broker reads its own file, with its own environment; FILE says which broker.
    """
    told = ask_about(path, "reload", code=1)
    tell(told, as_json=as_json)
    raise SystemExit(1 if told["problems"] else 0)


def ask_about(path: str, what: str, *, code: int) -> dict[str, Any]:
    """The running broker's answer; ends the command with `code` where none runs."""
    from broker.cli.control import ask_server
    from broker.config.load import load_database_path
    from broker.core.errors import ConfigError

    try:
        answer = ask_server(load_database_path(path), {"do": what})
    except ConfigError as error:
        fail(error.shown, code=code)
    except OSError as error:
        fail([str(error)], code=code)
    if answer is None:
        fail([f"no broker runs on the database of {path}"], code=code)
    told: dict[str, Any] = answer.value
    return told


def tell(told: dict[str, Any], *, as_json: bool) -> None:
    """What differs to stdout, what is wrong or unwise to stderr."""
    import json

    if as_json:
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
        return
    for line in [*told["problems"], *(f"warning: {one}" for one in told["warnings"])]:
        click.echo(line, err=True)
    for line in told["changes"]:
        click.echo(line)
    click.echo(f"revision {told['revision']} is in force")
