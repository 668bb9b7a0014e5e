"""`off`, `on` and `list` of `broker provider` and `broker client`: the kill switch, in the running server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from broker.cli.common import config_option, fail, read_config

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from broker.config.model import Config

_WHY = click.option("--why", required=True, help="For the audit stream and for colleagues: one line.")


def add_switches(group: click.Group, kind: str, *, off: str, on: str) -> None:
    """The three commands for this `kind`, `provider` or `client`; `off` and `on` say what they do."""

    @group.command("off", help=off)
    @config_option
    @click.argument("name")
    @_WHY
    def off_(path: str, name: str, why: str) -> None:
        config = read_config(path).config
        _show(_ask(config, {"do": "switch", "kind": kind, "name": name, "state": "off", "why": why}))

    @group.command("on", help=on)
    @config_option
    @click.argument("name")
    @_WHY
    def on_(path: str, name: str, why: str) -> None:
        config = read_config(path).config
        _show(_ask(config, {"do": "switch", "kind": kind, "name": name, "state": "on", "why": why}))

    @group.command(
        "list", help=f"List every {kind}: on, off in the configuration, or switched off, since when and why."
    )
    @config_option
    @click.option("--json", "as_json", is_flag=True, help="For programs: a list of objects; times in epoch seconds.")
    def list_(path: str, as_json: bool) -> None:
        import json

        config = read_config(path).config
        told = [one for one in _ask(config, {"do": "switches"}) if one["kind"] == kind]
        rows = list(_rows(_configured(config, kind), {one["name"]: one for one in told}))
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2) if as_json else _table(rows))


def _configured(config: Config, kind: str) -> dict[str, bool]:
    """Whether each is on in the configuration, by name."""
    if kind == "client":
        return dict.fromkeys(config.clients, True)
    return {name: settings.enabled for name, settings in config.providers.items()}


def _rows(configured: Mapping[str, bool], switched: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    """Those of the configuration, then what is off and not in it: an app that registered itself, or one taken out."""
    for name in dict.fromkeys([*configured, *switched]):
        if (switch := switched.get(name)) is not None:
            yield {"name": name, "state": "switched off", **{key: switch[key] for key in ("since", "by", "why")}}
        else:
            yield {"name": name, "state": "on" if configured[name] else "off in the configuration"}


def _table(rows: Iterable[Mapping[str, Any]]) -> str:
    from broker.cli.desk import columns, minute

    cells = [("NAME", "STATE", "SINCE", "BY", "WHY")]
    for row in rows:
        cells.append((row["name"], row["state"], minute(row.get("since")), row.get("by", "-"), row.get("why", "-")))
    return "\n".join(columns(cells))


def _show(told: Iterable[Mapping[str, Any]]) -> None:
    from broker.cli.desk import minute

    for one in told:
        if one["state"] == "on":
            click.echo(f"{one['kind']} {one['name']} is on")
        else:
            click.echo(f"{one['kind']} {one['name']} is switched off since {minute(one['since'])} UTC: {one['why']}")


def _ask(config: Config, question: dict[str, Any]) -> list[dict[str, Any]]:
    import json

    from broker.cli.desk import ask
    from broker.core.errors import ConfigError, StoreUnavailable

    try:
        return [json.loads(line) for line in ask(config, question)]
    except (ConfigError, StoreUnavailable, OSError, ValueError) as error:
        fail([str(error)])
