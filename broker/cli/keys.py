"""`broker keys`: the signing keys in the database."""

from __future__ import annotations

from typing import Any

import click

from broker.cli.common import config_option, fail, read_config


@click.group()
def keys() -> None:
    """The broker's signing keys."""


@keys.command("list")
@config_option
def list_(path: str) -> None:
    """List the keys: id, algorithm, state, and since when.

    A published key is visible to apps and waits for its turn, an active one signs, a retired one stays visible until
    what it signed has expired.
    """
    _ask(path, {"do": "list"})


@keys.command()
@config_option
@click.option(
    "--algorithm", "algorithms", multiple=True, help="RS256, PS256, ES256 or EdDSA; all that are held when not given."
)
@click.option("--now", "at_once", is_flag=True, help="Sign with the new key at once.")
def rotate(path: str, algorithms: tuple[str, ...], at_once: bool) -> None:
    """Make new signing keys, in the running server or, when none runs, in its database.

    They are published at once and take over after keys.publish_before, so that no app meets a key it has not seen.

    With --now they sign at once: for a key that has leaked. Apps that keep keys for long may refuse logins until they
    look again. The old key stays visible for keys.keep_after; set that low to be rid of it sooner.
    """
    _ask(path, {"do": "rotate", "algorithms": list(algorithms), "now": at_once})


def _ask(path: str, question: dict[str, Any]) -> None:
    config = read_config(path).config
    if "algorithms" in question:
        held = [algorithm.value for algorithm in config.keys.algorithms]
        question["algorithms"] = question["algorithms"] or held
        if not set(question["algorithms"]) <= set(held):
            fail([f"keys.algorithms has {', '.join(held)}"])

    from broker.cli.key_desk import ask
    from broker.core.errors import ConfigError, StoreUnavailable

    try:
        for line in ask(config, question):
            click.echo(line)
    except (ConfigError, StoreUnavailable, OSError) as error:
        fail([str(error)])
