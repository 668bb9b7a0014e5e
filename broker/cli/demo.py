"""`broker demo`: everything on this machine, nothing to configure."""

import click


@click.command()
@click.option("--config", "path", metavar="FILE", help="The configuration to serve instead of the one that ships.")
def demo(path: str | None) -> None:
    """Run the broker with emulated sign-in services and a sample app; Ctrl-C forgets everything.

    No network is needed and nothing is stored. Prints one address to open.
    """
    from broker.demo.run import main

    raise SystemExit(main(path))
