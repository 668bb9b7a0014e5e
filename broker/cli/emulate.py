"""`broker emulate`: sign-in services on this machine, for tests of code that is not ours."""

from __future__ import annotations

import click


@click.command()
@click.argument("types", nargs=-1, metavar="[TYPE]...")
@click.option(
    "--redirect-uri",
    "redirect_uris",
    multiple=True,
    required=True,
    metavar="URI",
    help="Where the app is answered; letter by letter, as at the services themselves. May be repeated.",
)
@click.option("--client-id", default="", help="Of the app, at every service; each has one of its own by default.")
@click.option("--client-secret", default="", help="Of the app, at every service that has secrets.")
@click.option("--port", type=int, help="Of the first, the others follow; 0 for any. By default those of the demo.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--i-know", is_flag=True, help="Let others reach services in which everybody signs in as anybody.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON for programs, once everything answers.")
def emulate(
    *,
    types: tuple[str, ...],
    redirect_uris: tuple[str, ...],
    client_id: str,
    client_secret: str,
    port: int | None,
    host: str,
    i_know: bool,
    as_json: bool,
) -> None:
    """Run emulated sign-in services without a broker; Ctrl-C forgets everything.

    TYPE is a type of provider, such as google, vk or telegram; all of them without one. Your code signs people in there
    as at the real ones, at other addresses: docs/reference/emulators.md says what works, and how we know.
    """
    from broker.demo.emulate import Wanted, main

    wanted = Wanted(types, redirect_uris, host, port, client_id, client_secret)
    raise SystemExit(main(wanted, i_know=i_know, as_json=as_json))
