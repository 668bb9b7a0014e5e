"""`broker provider`: a sign-in service looked at by itself, or begun with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from broker.cli.common import config_option, fail, read_config
from broker.core.wire.addresses import TRIAL_PORT

if TYPE_CHECKING:
    from broker.config.model import Config


@click.group()
def provider() -> None:
    """Begin with a sign-in service, try it before anybody else does; switch one off while the broker runs, and on."""


@provider.command("test")
@config_option
@click.argument("name")
@click.option("--port", default=TRIAL_PORT, show_default=True, help="Where the answer comes in, on 127.0.0.1.")
@click.option("--paste", is_flag=True, help="Use the broker's own callback, and read the address you end at from here.")
def test(path: str, name: str, port: int, paste: bool) -> None:
    """Sign in at the provider NAME of the configuration, and see what it answers and what apps would be told.

    Its console has to know http://127.0.0.1:8765/callback/NAME for this. Where it admits no such address, use --paste.
    Every answer is printed with its secrets masked, then the claims that it comes to. Nothing is stored, and no account
    is made. With `network.upstreams: emulated`, it signs in at the demo that runs beside it.
    """
    config = read_config(path).config
    if name not in config.providers:
        fail([f"{name}: no such provider; there are {', '.join(sorted(config.providers))}"])
    raise SystemExit(_run(_turned(config), name, port=port, paste=paste))


@provider.command()
@click.argument("kind", metavar="TYPE")
@click.option("--name", default="", help="What it is called in config.yaml, and in its callback; default: TYPE.")
@click.option("--issuer", default="", metavar="URL", help="With oidc and gitlab: whose document is read.")
@click.option("--at", "callback", default="https://id.example.com", show_default=True, help="The broker's own address.")
def new(kind: str, name: str, issuer: str, callback: str) -> None:
    """Print a section for a provider of this TYPE, to paste below `providers:`.

    It has what nobody but you can say, with a comment each, and was checked as `broker check` does. With oidc, the
    issuer's document says the rest; of oauth2 and oauth1 you get a skeleton whose addresses and expressions you
    replace. Id and secret are read from the environment, unless you write something else.
    """
    import asyncio

    from broker.cli.common import resolve
    from broker.cli.provider_entry import NewProvider, read_issuer
    from broker.core.errors import ConfigError, UpstreamError

    if (kind == "oidc") and not issuer:
        fail(["oidc: say --issuer, for example --issuer https://sso.example.com"])
    try:
        if issuer and "issuer" not in resolve(kind).model_fields:
            fail([f"{kind} knows its own issuer; leave --issuer out"])
        lines = asyncio.run(read_issuer(issuer)) if issuer else iter(())
        click.echo(NewProvider(kind, name or kind, issuer).section(lines, callback.removesuffix("/")), nl=False)
    except LookupError as problem:
        fail([str(problem.args[0])])
    except ValueError:
        fail([f"{issuer}: write https://host/path, exactly as the issuer calls itself"])
    except UpstreamError as problem:
        fail([f"{issuer}: {problem.detail}"])
    except ConfigError as problem:
        fail(problem.shown)


def _run(config: Config, name: str, *, port: int, paste: bool) -> int:
    """The exit status: 1 where nobody was signed in."""
    import asyncio

    from broker.cli.trial import Trial, TrialFailed, log_in

    base = config.issuer if paste else f"http://127.0.0.1:{port}"
    trial = Trial(f"{base}/callback/{name}", 0 if paste else port, click.echo, lambda text: str(click.prompt(text)))
    try:
        asyncio.run(log_in(config, name, trial))
    except TrialFailed as problem:
        click.echo(f"\nNobody was signed in. {problem}", err=True)
        return 1
    return 0


def _turned(config: Config) -> Config:
    """With emulated upstreams: toward those of a demo on this machine."""
    if config.network.upstreams != "emulated":
        return config
    from broker.demo.emulation import at_demo

    return at_demo(config)
