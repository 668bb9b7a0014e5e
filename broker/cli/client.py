"""`broker client`: apps."""

from __future__ import annotations

import click

from broker.cli.common import config_option, fail, read_config, resolve

LIBRARIES = ("authjs", "express", "fastapi", "flask-dance", "go", "oauth2-proxy", "openid-client", "passport", "spring")
METHODS = ("client_secret", "client_secret_basic", "client_secret_post", "private_key_jwt", "none")


@click.group()
def client() -> None:
    """The apps that send people here; switch one off while the broker runs, and on again."""


@client.command()
def token() -> None:
    """Make an initial access token, with which apps may register themselves; it is shown this once."""
    import secrets

    from broker.core.seal import digest

    made = f"it_{secrets.token_urlsafe(32)}"
    click.echo(f"token  {made}   (for the app's developer; shown this once)")
    click.echo(f"hash   sha256:{digest(made)}   (into registration.token_hashes)")


@client.command()
@config_option
@click.option("--name", required=True, help="Shown to people on the consent page.")
@click.option("--redirect-uri", "uris", multiple=True, required=True, help="Where logins come back to; repeatable.")
@click.option("--id", "client_id", help="The client_id; made from the name when not given.")
@click.option("--public", is_flag=True, help="An app in a browser or on a phone: no secret, PKCE.")
@click.option(
    "--auth-method",
    "method",
    type=click.Choice(METHODS),
    help="How it proves itself; default: client_secret, in the header or in the form.",
)
@click.option("--jwks-uri", "keys", default="", help="Where it publishes its public keys, for private_key_jwt.")
@click.option("--first-party", is_flag=True, help="Ours: no consent page.")
@click.option(
    "--for", "library", default="", metavar="NAME", help=f"Print code for the app, too: {', '.join(LIBRARIES)}."
)
@click.option("--write", is_flag=True, help="Put it into the configuration, keeping everything else as it is.")
def add(  # noqa: PLR0917 - click passes every option by its name
    path: str,
    name: str,
    uris: tuple[str, ...],
    client_id: str | None,
    public: bool,
    method: str | None,
    keys: str,
    library: str,
    **flags: bool,
) -> None:
    """Make an entry for an app: prints its secret, once, and what the app's developer must be told.

    Without --write the entry is printed for you to paste below `clients:`.
    """
    import secrets

    from broker.cli.client_entry import NewClient, insert, needs_of, slug
    from broker.core.errors import ConfigError

    loaded = read_config(path)
    if public and method not in {None, "none"}:
        fail(["--public means --auth-method none; leave one of them out"])
    chosen = "none" if public else method or METHODS[0]
    _check_method(chosen, keys, library)
    secret = "" if chosen in {"none", "private_key_jwt"} else secrets.token_urlsafe(32)
    new_id = client_id or slug(name, secrets.token_hex(4))
    new = NewClient(new_id, name, uris, secret, method=chosen, jwks_uri=keys, first_party=flags["first_party"])
    new = needs_of(library, new) if library else new
    if new.client_id in loaded.config.clients:
        fail([f"clients.{new.client_id}: is there already; choose another with --id"])
    try:
        changed = insert(path, new, resolve, write=flags["write"])
    except ConfigError as error:
        fail(error.shown)
    click.echo(f"{'added to ' + path if flags['write'] else 'paste below `clients:` in ' + path}:\n\n{changed}")
    click.echo(new.instructions(loaded.config.issuer))
    if library:
        click.echo(new.code(library, loaded.config.issuer))


def _check_method(method: str, keys: str, library: str) -> None:
    from broker.config.report import did_you_mean

    if (method == "private_key_jwt") != bool(keys):
        fail(["--auth-method private_key_jwt and --jwks-uri go together"])
    if library and library not in LIBRARIES:
        known = f"; there is code for {', '.join(LIBRARIES)}"
        fail([f"--for {library}: there is no code for that{did_you_mean(library, LIBRARIES) or known}"])
    if library and method in {"none", "private_key_jwt"}:
        fail([f"--for {library}: that code keeps a secret; leave --public and --auth-method out"])
