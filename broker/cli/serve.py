"""`broker serve`: the public and the management listener in one process."""

import os
from functools import partial

import click

from broker.cli.common import config_option, fail, load_config, read_config


@click.command()
@config_option
@click.option("--dev-tls", is_flag=True, help="Serve https with a certificate of a local authority made on first use.")
@click.option(
    "--create",
    is_flag=True,
    envvar="BROKER_CREATE",
    help="Make the database if there is none, even where one is expected; BROKER_CREATE=1 does the same.",
)
def serve(path: str, dev_tls: bool, create: bool) -> None:
    """Run the broker.

    SIGHUP reads the configuration anew, as `broker reload` does.

    SIGTERM stops it without losing a request: /readyz answers 503, no new connections are accepted, requests in
    flight are finished for up to server.shutdown_grace, then the exit code is 0.

    Where there is no database, one is made, unless keys.master is set or files beside it say that there was one: then
    it went away, and an empty one would make everybody somebody new. --create says that this is the first start.
    """
    config = read_config(path).config
    if config.network.upstreams == "emulated":
        fail(
            [
                f"{path}: network.upstreams: emulated is the demo's, where anybody can be anybody; `broker demo` serves"
                " it. For real upstreams set it to `real` and put in your own ids and secrets."
            ]
        )
    from broker.cli.server import run

    raise SystemExit(run(config, dev_tls=dev_tls, create=create, source=partial(load_config, os.path.abspath(path))))
