"""`broker import`: people of other systems, with a report first and the deed when it is asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from broker.cli.common import config_option, fail, read_config

if TYPE_CHECKING:
    from broker.config.model import Config
    from broker.core.arrivals.newcomer import Newcomer, Source
    from broker.core.arrivals.plan import Names, Ours, Plan

Command = TypeVar("Command", bound=Callable[..., Any])
_AT_ONCE = 300  # people in one question, which is one transaction


@dataclass(frozen=True, slots=True)
class Wanted:
    """What all of these commands are told alike."""

    path: str
    chosen: Mapping[str, str]
    prefix: str
    keep: bool
    apply: bool
    why: str
    as_json: bool


@click.group("import")
def import_() -> None:
    """Bring people of another system, with their ways in and the ids that apps know them by.

    Without --apply it only says what would happen. Whoever is here already is left as they are, so a command can be
    repeated. Theirs is only read.
    """


def _wanted(command: Command) -> Command:
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print the report as JSON."),
        click.option("--why", default="", help="For the audit stream, with --apply: one line, no personal data."),
        click.option("--apply", is_flag=True, help="Do it; without this, nothing changes."),
        click.option("--prefix", default="", help="Put before every id, where two systems have the same ones."),
        click.option(
            "--ids",
            type=click.Choice(["sub", "alias"]),
            default="sub",
            show_default=True,
            help="What becomes of their ids: the `sub` here; or an alias, in `former_subs` of people with a new `sub`.",
        ),
        click.option(
            "--provider",
            "providers",
            metavar="THEIRS=OURS",
            multiple=True,
            help="A provider by its name there, and by yours; none after the = leaves it out. Obvious ones are found.",
        ),
        config_option,
    ):
        command = option(command)
    return command


def _site_options(command: Command) -> Command:
    for option in (
        click.option("--user-model", default="", help="In a dump: the model of users, where it is not the only one."),
        click.option(
            "--id-field", default="pk", help="Which column of users is their id for apps; the primary key if not said."
        ),
        click.option(
            "--database",
            required=True,
            metavar="URL|FILE",
            help="The site's SQLite database, or a file that `manage.py dumpdata` wrote of any database.",
        ),
    ):
        command = option(command)
    return command


@import_.command("allauth")
@_site_options
@_wanted
def allauth(database: str, id_field: str, user_model: str, **told: Any) -> None:
    """People of a Django site with django-allauth."""

    def read() -> Source:
        from broker.cli.import_files import open_site
        from broker.core.arrivals.django import read_allauth

        ways = ("socialaccount_socialaccount", "socialaccount.socialaccount")
        apps = ("socialaccount_socialapp", "socialaccount.socialapp")
        return read_allauth(open_site(database, ways=ways, apps=apps, users=user_model), id_field=id_field)

    _run("allauth", read, **told)


def _social(name: str, about: str) -> None:
    @import_.command(name, help=about)
    @_site_options
    @_wanted
    def command(database: str, id_field: str, user_model: str, **told: Any) -> None:
        def read() -> Source:
            from broker.cli.import_files import open_site
            from broker.core.arrivals.django import read_social_auth

            ways = ("social_auth_usersocialauth", "social_django.usersocialauth")
            return read_social_auth(open_site(database, ways=ways, apps=None, users=user_model), id_field=id_field)

        _run(name, read, **told)


_social("social-auth", "People of a Django site with python-social-auth (social-auth-app-django).")
_social("drf-social-oauth2", "People of a Django site with drf-social-oauth2, which keeps them as python-social-auth.")


@import_.command("keycloak")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@_wanted
def keycloak(files: tuple[Path, ...], **told: Any) -> None:
    """People of a Keycloak realm, from the files that `kc.sh export` wrote: the realm's, and those of its users."""

    def read() -> Source:
        from broker.cli.import_files import load_documents
        from broker.core.arrivals.keycloak import read_keycloak

        return read_keycloak(load_documents(files))

    _run("keycloak", read, **told)


@import_.command("dex")
@click.argument("file", type=click.Path(path_type=Path))
@_wanted
def dex(file: Path, **told: Any) -> None:
    """People of Dex who have a refresh token: from its SQLite database, or what `kubectl get -o json` lists."""

    def read() -> Source:
        from broker.cli.import_files import read_dex_file

        return read_dex_file(file)

    _run("dex", read, **told)


def _run(
    name: str, read: Callable[[], Source], *, path: str, providers: tuple[str, ...], ids: str, **told: Any
) -> None:
    import sqlite3

    wanted = Wanted(path, dict(map(_pair, providers)), keep=ids == "sub", **told)
    if wanted.apply and not wanted.why.strip():
        fail(["--apply wants to know --why"], code=2)
    try:
        source = read()
    except KeyError as missing:
        fail([f"something is not as it should be there: {missing} is missing"])
    except (OSError, ValueError, sqlite3.Error) as error:
        fail([str(error)])
    _bring(name, source, wanted)


def _pair(text: str) -> tuple[str, str]:
    theirs, sign, ours = text.partition("=")
    if not sign or not theirs:
        fail([f"--provider {text}: is not THEIRS=OURS"], code=2)
    return theirs, ours


def _bring(name: str, source: Source, wanted: Wanted) -> None:
    from broker.cli.desk import bring
    from broker.core.arrivals.plan import make_plan
    from broker.core.errors import ConfigError, StoreUnavailable

    config = read_config(wanted.path).config
    plan = make_plan(source, _names(name, wanted.chosen), _ours(config))
    if plan.unclear:
        lines = [f"{theirs}: {why}" for theirs, why in plan.unclear.items()]
        fail([*lines, "Say what they are here: --provider THEIRS=OURS, or --provider THEIRS= to leave them out."])
    try:
        settled = bring(config, list(_batches(name, plan.people, wanted)))
    except (ConfigError, StoreUnavailable, OSError, ValueError) as error:
        fail([str(error)])
    report = _report(name, plan, settled, wanted)
    click.echo(json.dumps(report, indent=2, ensure_ascii=False) if wanted.as_json else "\n".join(_lines(report)))
    raise SystemExit(1 if report["refused"] else 0)


def _names(name: str, chosen: Mapping[str, str]) -> Names:
    from broker.core.arrivals import kinds
    from broker.core.arrivals.plan import Names

    same = {"allauth": kinds.ALLAUTH, "keycloak": kinds.KEYCLOAK, "dex": kinds.DEX}.get(name, kinds.SOCIAL_AUTH)
    return Names(same, kinds.ALLAUTH_APART if name == "allauth" else kinds.OTHERS_APART, chosen)


def _ours(config: Config) -> dict[str, Ours]:
    from broker.core.arrivals.plan import Ours

    on = {name: settings for name, settings in config.providers.items() if settings.enabled}
    return {name: Ours(settings.type, settings.client_id) for name, settings in on.items()}


def _batches(name: str, people: tuple[Newcomer, ...], wanted: Wanted) -> Iterator[dict[str, object]]:
    from dataclasses import asdict, replace

    for first in range(0, len(people), _AT_ONCE):
        some = [replace(one, id=wanted.prefix + one.id) for one in people[first : first + _AT_ONCE]]
        told = {"source": name, "keep": wanted.keep, "apply": wanted.apply, "why": wanted.why}
        yield {**told, "people": [asdict(one) for one in some]}


def _report(name: str, plan: Plan, settled: list[dict[str, Any]], wanted: Wanted) -> dict[str, Any]:
    """`subs`: what everybody is called here who is, by their id there."""
    from dataclasses import asdict

    new = [one for one in settled if one["outcome"] == "new"]
    same = [one for one in settled if one["outcome"] == "same"]
    return {
        "source": name,
        "applied": wanted.apply,
        "read": plan.read,
        "new": len(new),
        "same": len(same),
        "refused": [one for one in settled if one["outcome"] not in {"new", "same"}],
        "left_out": [asdict(one) for one in plan.left],
        "warnings": list(plan.warnings),
        "subs": {one["id"]: one["sub"] for one in (*new, *same) if one["sub"]},
    }


_SAID = {
    "lacks": "is here as {sub}, without a way in that they have there",
    "taken": "has a way in that is that of account {sub} here",
    "used": "is in use here: {why}",
    "gone": "was here and was deleted",
    "unfit": "cannot be somebody here: {why}",
}


def _lines(report: Mapping[str, Any]) -> Iterator[str]:
    from broker.cli.desk import columns

    did = "brought" if report["applied"] else "would be brought (nothing has changed; --apply does it)"
    yield f"{report['source']}: {report['read']} people read"
    yield f"  new, {did}: {report['new']}"
    yield f"  here already: {report['same']}"
    yield f"  refused: {len(report['refused'])}"
    yield from (f"warning: {text}" for text in report["warnings"])
    if report["refused"]:
        yield "Refused, each to be looked at by you:"
        yield from (f"  {_plain(one['id'])} {_SAID[one['outcome']].format_map(one)}" for one in report["refused"])
    if report["left_out"]:
        yield "Left out:"
        rows = [("ID", "PROVIDER", "SUBJECT", "WHY")]
        rows += [(one["id"], one["provider"] or "-", one["subject"] or "-", one["why"]) for one in report["left_out"]]
        yield from (f"  {line}" for line in columns([tuple(map(_plain, row)) for row in rows]))


def _plain(text: str) -> str:
    """What others chose is one line here, whatever it holds."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)
