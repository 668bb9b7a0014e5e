"""`broker demo`: everything on this machine, nothing to configure."""

import click

from broker.cli.common import config_option


@click.command()
@config_option
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--i-know", is_flag=True, help="Let others reach a demo in which everybody signs in as anybody.")
def demo(path: str, host: str, i_know: bool) -> None:
    """Run the broker with emulated sign-in services and a sample app; Ctrl-C forgets everything.

    No network is needed and nothing is stored. Prints one address to open.
    """
    from broker.demo.run import main

    raise SystemExit(main(path, host=host, i_know=i_know))
