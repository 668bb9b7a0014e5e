"""`broker keys`: the signing keys in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from broker.cli.common import config_option, fail, read_config

if TYPE_CHECKING:
    from broker.config.model import Config


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
    _ask(read_config(path).config, {"do": "list"})


@keys.command()
@config_option
@click.option(
    "--algorithm", "algorithms", multiple=True, help="RS256, PS256, ES256 or EdDSA; all that are held when not given."
)
@click.option("--now", "at_once", is_flag=True, help="Sign with the new keys at once.")
@click.option("--emergency", is_flag=True, help="For a key that has leaked: at once, and believe no old key any more.")
@click.option("--end-grants", is_flag=True, help="With --emergency: end all that apps were given about people, too.")
def rotate(path: str, algorithms: tuple[str, ...], at_once: bool, emergency: bool, end_grants: bool) -> None:
    """Make new signing keys, in the running server or, when none runs, in its database.

    They are published at once and take over after keys.publish_before, so that no app meets a key it has not seen.

    With --now they sign at once. Apps that keep keys for long may refuse logins until they look again. The old keys
    stay visible for keys.keep_after, and what they signed stays good.

    With --emergency the old keys are removed: nothing they signed is believed by the broker any more, or by an app once
    it has fetched the keys anew. Without --algorithm this is every key there is. Tokens that no key signed stay good:
    --end-grants ends those about people.
    """
    if end_grants and not emergency:
        raise click.UsageError("--end-grants goes with --emergency")
    config = read_config(path).config
    held = [algorithm.value for algorithm in config.keys.algorithms]
    if not set(algorithms) <= set(held):
        fail([f"keys.algorithms has {', '.join(held)}"])
    question: dict[str, Any] = {"do": "rotate", "algorithms": list(algorithms or held), "now": at_once}
    if emergency:
        question = {"do": "replace", "algorithms": list(algorithms), "end_grants": end_grants}
    _ask(config, question)


def _ask(config: Config, question: dict[str, Any]) -> None:

    from broker.cli.desk import ask
    from broker.core.errors import ConfigError, StoreUnavailable

    try:
        for line in ask(config, question):
            click.echo(line)
    except (ConfigError, StoreUnavailable, OSError) as error:
        fail([str(error)])
