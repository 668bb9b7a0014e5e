"""`broker demo`: everything on this machine, nothing to configure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from broker.cli.common import config_option, fail, read_config

if TYPE_CHECKING:
    from broker.config.model import Config


@click.group(invoke_without_command=True)
@config_option
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--i-know", is_flag=True, help="Let others reach a demo in which everybody signs in as anybody.")
@click.option("--all", "everything", is_flag=True, help="With every emulated service, also those not enabled.")
@click.pass_context
def demo(context: click.Context, path: str, host: str, i_know: bool, everything: bool) -> None:
    """Run the broker with emulated sign-in services and a sample app; Ctrl-C forgets everything.

    No network is needed and nothing is stored. Prints one address to open.
    """
    context.obj = path
    if context.invoked_subcommand is not None:
        return
    from broker.demo.run import main

    raise SystemExit(main(path, host=host, i_know=i_know, everything=everything))


@demo.command()
@click.option("--provider", default="google", show_default=True, help="Whose kit signs somebody in.")
@click.option("--person", default="ada", show_default=True, help="Who: ada, boris or zoe.")
@click.option("--link", default="", metavar="PROVIDER", help="Add a way in by this one's kit; takes a browser.")
@click.pass_obj
def phone(path: str, provider: str, person: str, link: str) -> None:
    """Be an app on a phone, beside a running demo: a vendor's kit, the exchange, renewal, a second way in.

    The app is broker/demo/sample_phone.py, which needs nothing but Python.
    """
    raise SystemExit(run_phone(read_config(path).config, provider=provider, person=person, link=link))


def run_phone(
    config: Config, *, provider: str, person: str, link: str = "", upstreams: Mapping[str, str] | None = None
) -> int:
    """The exit status. `upstreams` are addresses of the emulated ones by type, those of the demo by default."""
    from urllib.error import URLError

    from broker.demo.phone import build_phone, build_server
    from broker.demo.sample_phone import Refused, tour

    phone, server = build_phone(config, upstreams), build_server(config)
    if phone is None:
        fail(["No client may bring what a vendor's kit gave to it: a client without a secret needs accept_posted."])
    if unknown := {provider, link} - {"", *phone.kits}:
        fail([f"{unknown.pop()}: the demo's phone has kits of {', '.join(phone.kits)}"])
    try:
        tour(phone, server, click.echo, provider=provider, person=person, link=link)
    except Refused as problem:
        fail([str(problem)])
    except URLError as problem:
        fail([f"Nothing answers at {config.issuer} ({problem.reason}): start `make demo` in another terminal"])
    return 0
