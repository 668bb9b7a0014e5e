"""`broker serve`: the public and the management listener in one process."""

import click

from broker.cli.common import config_option, fail, read_config


@click.command()
@config_option
@click.option("--dev-tls", is_flag=True, help="Serve https with a certificate of a local authority made on first use.")
def serve(path: str, dev_tls: bool) -> None:
    """Run the broker.

    SIGTERM stops it without losing a request: /readyz answers 503, no new connections are accepted, requests in
    flight are finished for up to server.shutdown_grace, then the exit code is 0.
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

    raise SystemExit(run(config, dev_tls=dev_tls))
