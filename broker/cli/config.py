"""`broker config`: what may be configured, and what is."""

from __future__ import annotations

import click

from broker.cli.common import config_option, read_config, resolve


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
def show(path: str) -> None:
    """Print the effective configuration: defaults filled in, ${...} replaced, secrets hidden."""
    from broker.config.show import render

    click.echo(render(read_config(path)), nl=False)
