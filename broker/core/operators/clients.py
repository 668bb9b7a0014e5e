"""What operators may ask and change about apps: those of the file, those kept beside it, who registered (ADR 75)."""

from __future__ import annotations

from typing import Final

from broker.core.clients.kept import MOST_SECRETS
from broker.core.operators.question import AFTER, LIMIT, MOST, Kind, Parameter, UseCase

KEEP_FOR = 24  # hours that secrets of before still count, where nobody says how many

_CLIENT = Parameter("client_id", "The app.", required=True, named=False)
_KEPT = Parameter("client_id", "The app; one that is kept in the database.", required=True, named=False)
_SETTINGS = "in the words of an entry of `clients` in config.yaml. A list is replaced whole"

CLIENTS: Final = (
    UseCase(
        "client.list",
        "List the apps, in the order of their ids: those of config.yaml (`file`), those kept in the database (`kept`),"
        " those that registered themselves (`registered`), and those that are switched off and `gone`. Each is `on`,"
        " `switched_off`, or `unfit`: one that is kept and breaks a rule of the configuration of today, and is as if it"
        " were not there.",
        writes=False,
        own=(LIMIT, AFTER),
    ),
    UseCase("client.show", "Show an app: its settings, without secrets.", writes=False, own=(_CLIENT,)),
    UseCase(
        "client.create",
        "Make an app while the broker runs; it is kept in the database and known to every node within a second. A"
        " secret, where it needs one, is in the answer and nowhere else.",
        writes=True,
        own=(
            Parameter(
                "client_id", "Its id: up to 100 of A-Z, a-z, 0-9, '.', '_', '~' and '-'.", required=True, named=False
            ),
            Parameter("settings", f"What it may do and where it is, {_SETTINGS}.", Kind.OBJECT, required=True),
        ),
    ),
    UseCase(
        "client.change",
        "Change settings of an app that is kept in the database; those that are not said stay as they are.",
        writes=True,
        own=(
            _KEPT,
            Parameter("settings", f"What changes, {_SETTINGS}; null: as usual.", Kind.OBJECT, required=True),
        ),
    ),
    UseCase(
        "client.rotate-secret",
        "Give an app that is kept in the database another secret, which is in the answer and nowhere else. The one of"
        f" before counts meanwhile; {MOST_SECRETS} at most do.",
        writes=True,
        own=(
            _KEPT,
            Parameter(
                "hours", f"How long the one of before still counts: 1 to {MOST}, or {KEEP_FOR} hours.", Kind.NUMBER
            ),
            Parameter("at_once", "The one of before counts no more, from now on: it has leaked.", Kind.FLAG),
        ),
    ),
    UseCase(
        "client.delete",
        "Delete an app that is kept in the database. Nothing that it holds opens anything, as long as there is no other"
        " of its id.",
        writes=True,
        own=(_KEPT,),
    ),
    UseCase(
        "client.export",
        "Print an app that is kept in the database as YAML, to be put below `clients:` of config.yaml.",
        writes=False,
        own=(_KEPT,),
    ),
)
