"""`broker check`: everything that can be known before a start."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from broker.cli.common import config_option, read_config

if TYPE_CHECKING:
    from broker.config.model import Config


@click.command()
@config_option
@click.option(
    "--online",
    is_flag=True,
    help="Also reach every provider, try its credentials, and print what to paste into its console.",
)
@click.option("--strict", is_flag=True, help="Warnings count: exit code 2.")
def check(path: str, online: bool, strict: bool) -> None:
    """Check the configuration: syntax, keys, values, secrets, files, and what they say about each other.

    Every problem comes with file, line and column, and pages of `ui.templates` are rendered with sample data. Exit code
    0: fine; 1: the broker would not start, or not as you mean it; 2: warnings, with --strict. Nothing is written, and
    nothing is sent anywhere without --online.

    With it, each provider is shown the id and secret that it gave you, with a code or a refresh token that is made up,
    or in a request that begins a login; a Bot API is asked who the bot is. Nobody is signed in. What an answer does not
    say is printed as not found out, and is no failure.
    """
    loaded = read_config(path)
    pages = look_at_pages(loaded.config)
    failures = pages.failures
    warnings = [*loaded.warnings, *local_warnings(loaded.config), *pages.warnings]
    if online:
        import asyncio

        from broker.cli.online import look_around

        report = asyncio.run(look_around(loaded.config))
        failures += report.failures
        warnings += report.warnings
        click.echo("\n".join(report.lines))
    for line in warnings:
        click.echo(f"warning: {line}", err=True)
    for line in pages.notes:
        click.echo(f"note: {line}", err=True)
    for line in failures:
        click.echo(f"error: {line}", err=True)
    if failures:
        raise SystemExit(1)
    click.echo(_summary(loaded.config, path))
    raise SystemExit(2 if warnings and strict else 0)


def local_warnings(config: Config) -> list[str]:
    """What only this machine can tell: whether the database's directory can be written to."""
    import os
    from pathlib import Path

    found = []
    database = config.storage.sqlite.path
    if database != ":memory:" and not os.access(Path(database).parent, os.W_OK):
        found.append(f"storage.sqlite.path: this user cannot write to {Path(database).parent}")
    if config.server.management and not config.server.management.startswith(("127.", "[::1]", "localhost:", "unix:")):
        found.append("server.management: is not on loopback; make sure that only your monitoring reaches it")
    if config.network.upstreams == "emulated":
        found.append("network.upstreams: emulated is for `broker demo`; `broker serve` will refuse it")
    return found


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found about pages; `notes` count for nothing, not with --strict either."""

    failures: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def look_at_pages(config: Config) -> Findings:
    """The operator's pages rendered with sample data, and the icons on buttons."""
    from pathlib import Path

    from broker.cli.icons import open_pages, placeholders
    from broker.web.pages.templates import find_strangers

    found = Findings()

    def tell(template: str, reason: str) -> None:
        found.failures.append(f"ui.templates: {template} does not work: {reason}")

    pages = open_pages(config, tell)
    if config.ui.templates:
        for name, meant in find_strangers(Path(config.ui.templates)):
            hint = f" (did you mean {meant}?)" if meant else ""
            found.warnings.append(f"ui.templates: {name} replaces no page and is included by none{hint}")
    if config.network.upstreams == "real":
        drawn = [f"providers.{name}.icon" for name in placeholders(config, pages)]
        if drawn:
            found.notes.append(
                f"{', '.join(drawn)}: a placeholder is shown; its owner wants its own (broker icons check)"
            )
    return found


def _summary(config: Config, path: str) -> str:
    providers = [name for name, settings in config.providers.items() if settings.enabled]
    return f"{path}: good. {config.issuer}, providers: {', '.join(providers)}; {len(config.clients)} client(s)"
