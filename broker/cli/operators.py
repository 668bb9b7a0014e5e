"""What operators do, by commands: one for each use case of the catalogue, in the words of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click

from broker.cli.common import config_option, fail, read_config
from broker.cli.objects import object_options, take_object
from broker.core.operators.catalogue import USE_CASES
from broker.core.operators.question import Kind, Parameter, UseCase

_GROUPS = {
    "account": "People's accounts, in the running server or, when none runs, in its database.",
    "session": "Where people are signed in.",
    "consent": "What people let apps do.",
    "claim": "What apps are told of people beside what providers say.",
    "webhook": "Who is told what happens to accounts and sessions.",
    "invite": "Who may get an account, where only who was invited does.",
    "admin": "The admin API, which is off unless server.admin_api is true.",
    "admin.token": "Who may call it: its tokens.",
}
_TYPES = {Kind.TEXT: click.STRING, Kind.NUMBER: click.INT, Kind.FLAG: click.BOOL}


def add_use_cases(main: click.Group) -> None:
    """A command for each, in the group of its noun."""
    for case in USE_CASES.values():
        *nouns, verb = case.name.split(".")
        group = main
        for at, noun in enumerate(nouns, start=1):
            group = _group(group, noun, ".".join(nouns[:at]))
        group.add_command(_command(case), verb)


def _group(inside: click.Group, noun: str, name: str) -> click.Group:
    found = inside.commands.get(noun)
    if not isinstance(found, click.Group):
        found = click.Group(noun, help=_GROUPS[name])
        inside.add_command(found)
    return found


def _command(case: UseCase) -> click.Command:
    def run(path: str, as_json: bool, **given: Any) -> None:
        objects = [one.name for one in case.parameters if one.kind is Kind.OBJECT]
        values = given | {name: take_object(given, str(given.get("client_id"))) for name in objects}
        _run(case, path, as_json, {name: value for name, value in values.items() if value is not None})

    options = [option for one in case.parameters for option in _parameters(one)]
    json_option = click.Option(["--json", "as_json"], is_flag=True, help="Print JSON. Times are epoch seconds.")
    return config_option(click.Command(case.name, callback=run, params=[*options, json_option], help=_help(case)))


def _help(case: UseCase) -> str:
    """An argument has no help of its own in click."""
    places = [one for one in case.parameters if not one.named]
    return "\n\n".join([case.about, *(f"{one.name.upper()}: {one.about}" for one in places)])


def _parameters(one: Parameter) -> Iterator[click.Parameter]:
    if one.kind is Kind.OBJECT:
        yield from object_options(one.about)
    else:
        yield _parameter(one)


def _parameter(one: Parameter) -> click.Parameter:
    if not one.named:
        return click.Argument([one.name])
    flag = f"--{one.name.replace('_', '-')}"
    if one.kind is Kind.FLAG:
        return click.Option([flag, one.name], is_flag=True, help=one.about)
    kind = click.Choice(one.choices) if one.choices else _TYPES[one.kind]
    return click.Option([flag, one.name], type=kind, required=one.required, help=one.about)


def _run(case: UseCase, path: str, as_json: bool, values: dict[str, Any]) -> None:
    from broker.cli.desk import operate
    from broker.cli.told import show
    from broker.core.errors import ConfigError, StoreUnavailable

    config = read_config(path).config
    try:
        told = operate(config, case.name, values)
    except (ConfigError, StoreUnavailable, OSError) as error:
        fail([str(error)])
    refused = "error" in told
    if as_json or (case.name == "account.export" and not refused):
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
    elif refused:
        fail([told["error_description"]])
    elif "yaml" in told:
        click.echo(told["yaml"], nl=False)
    else:
        click.echo("\n".join(show(told)))
    raise SystemExit(1 if refused else 0)
