"""`broker config`: what may be configured, and what is."""

from __future__ import annotations

import click

from broker.cli.common import config_option, overrides, read_config, resolve
from broker.cli.reload import tell


@click.group()
def config() -> None:
    """What may be configured, and what is."""


@config.command()
@click.option("--type", "types", multiple=True, metavar="TYPE", help="Provider types to include; all when not given.")
def schema(types: tuple[str, ...]) -> None:
    """Print the JSON Schema (draft-07) of config.yaml, with the provider types that are installed.

    Editors with a YAML language server use it when the file begins with:

    # yaml-language-server: $schema=config.schema.json
    """
    import json
    from importlib.metadata import entry_points

    from broker.config.schema import build_schema
    from providers import BUILTIN

    names = types or (*BUILTIN, *sorted(plugin.name for plugin in entry_points(group="broker.providers")))
    built = build_schema({name: resolve(name) for name in names})
    click.echo(json.dumps(built, indent=2, ensure_ascii=False))


@config.command()
@config_option
@click.option("--origin", is_flag=True, help="A line for every key, with where its value comes from.")
def show(path: str, origin: bool) -> None:
    """Print the effective configuration: defaults filled in, ${...} replaced, secrets hidden."""
    from broker.config.show import render, rows

    loaded = read_config(path)
    if not origin:
        click.echo(render(loaded), nl=False)
        return
    from broker.cli.desk import columns

    click.echo("\n".join(columns([("KEY", "VALUE", "ORIGIN"), *rows(loaded, overrides())])))


@config.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def diff(path: str, as_json: bool) -> None:
    """Print what `broker reload` would change in the running broker, and why it would refuse to.

    + was added, - is gone, ~ is another one. Secrets are never shown. The broker reads its own file, with its own
    environment. The exit code is 0 where nothing differs, 1 where something does, 2 for what a reload would refuse and
    where no broker runs.
    """
    from broker.cli.reload import ask_about

    told = ask_about(path, "compare", code=2)
    tell(told, as_json=as_json)
    raise SystemExit(2 if told["problems"] else 1 if told["changes"] else 0)
