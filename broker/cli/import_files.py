"""Files of other systems, opened to be read and nothing else. What is wrong with one is a ValueError or an OSError."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from broker.core.arrivals.dex import read_dex, read_dex_resources
from broker.core.arrivals.django import Row, Tables
from broker.core.arrivals.newcomer import Source

_SQLITE = b"SQLite format 3\0"
_HEX = re.compile(r"[0-9a-f]{32}")
_DUMP = "dump it: manage.py dumpdata --output people.json MODELS, and give that file"


def open_site(database: str, *, ways: tuple[str, str], apps: tuple[str, str] | None, users: str) -> Tables:
    """The tables of a Django site: of its SQLite database, or of the JSON that `manage.py dumpdata` wrote.

    `ways` and `apps` are names of a table and of its model. `users`: the model of users in a dump, "" to find it.
    """
    path = _path(database)
    if _is_sqlite(path):
        return _tables_of_database(path, ways[0], apps[0] if apps else "")
    return _tables_of_dump(_load(path), ways[1], apps[1] if apps else "", users)


def read_dex_file(path: Path) -> Source:
    """Dex's SQLite database, or what `kubectl get -o json` lists of its objects."""
    if not _is_sqlite(path):
        document = _load(path)
        items = document.get("items") if isinstance(document, dict) else None
        if not isinstance(items, list):
            raise ValueError(f"{path}: neither a database of SQLite nor a list of Kubernetes (`items`)")
        return read_dex_resources(items)
    with closing(_open(path)) as db:
        return read_dex(*(list(_rows(db, name)) for name in ("offline_session", "refresh_token", "connector")))


def load_documents(paths: Iterable[Path]) -> list[Mapping[str, Any]]:
    """JSON objects, one per file."""
    found: list[Mapping[str, Any]] = []
    for path in paths:
        document = _load(path)
        if not isinstance(document, dict):
            raise ValueError(f"{path}: not a JSON object")
        found.append(document)
    return found


def _path(database: str) -> Path:
    scheme, colon, rest = database.partition("://")
    if colon and scheme != "sqlite":
        raise ValueError(f"{scheme} is not read from here; {_DUMP}")
    return Path(rest.removeprefix("/") if colon else database)


def _is_sqlite(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_SQLITE)) == _SQLITE


def _load(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except ValueError:
        raise ValueError(f"{path}: neither JSON nor a database of SQLite") from None


def _open(path: Path) -> sqlite3.Connection:
    """Read-only, so that nothing of theirs changes whatever happens here."""
    db = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)
    db.row_factory = sqlite3.Row
    return db


def _tables_of_database(path: Path, ways: str, apps: str) -> Tables:
    with closing(_open(path)) as db:
        found = list(_rows(db, ways))
        if not _columns(db, ways):
            raise ValueError(f"{path}: has no table {ways}")
        owners = [
            row for row in db.execute("SELECT * FROM pragma_foreign_key_list(?)", (ways,)) if row["from"] == "user_id"
        ]
        if not owners:
            raise ValueError(f"{path}: {ways} does not say where its users are")
        users = str(owners[0]["table"])
        key = str(owners[0]["to"] or next(name for name, (_, primary) in _columns(db, users).items() if primary))
        people = [_user(row, row[key]) for row in _rows(db, users)]
        return Tables(people, found, list(_rows(db, apps)) if apps else [])


def _user(row: Row, key: object) -> Row:
    return {**row, "pk": key, "joined_at": read_time(row.get("date_joined"))}


def read_time(text: object) -> int:
    """Epoch seconds of a time as Django writes it, in UTC where it names no zone; 0 for anything else."""
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return 0
    return max(0, int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()))


def _rows(db: sqlite3.Connection, table: str) -> Iterable[Row]:
    """All rows, none where there is no such table.

    quirk(django): a UUID is 32 hexadecimal digits in a column `char(32)` of SQLite, and has hyphens everywhere else.
    """
    columns = _columns(db, table)
    if not columns:
        return
    uuids = {name for name, (kind, _) in columns.items() if kind == "char(32)"}
    quoted = table.replace('"', '""')
    for row in db.execute(f'SELECT * FROM "{quoted}"'):  # noqa: S608  # a name of its own schema; no one can be a parameter
        yield {name: _hyphened(value) if name in uuids else value for name, value in dict(row).items()}


def _columns(db: sqlite3.Connection, table: str) -> dict[str, tuple[str, bool]]:
    """Type, and whether it is the primary key, by name; {} where there is no such table."""
    rows = db.execute("SELECT name, type, pk FROM pragma_table_info(?)", (table,))
    return {row["name"]: (str(row["type"]).lower(), bool(row["pk"])) for row in rows}


def _hyphened(value: object) -> object:
    if not isinstance(value, str) or _HEX.fullmatch(value) is None:
        return value
    return "-".join((value[:8], value[8:12], value[12:16], value[16:20], value[20:]))


def _tables_of_dump(dump: object, ways: str, apps: str, users: str) -> Tables:
    """Of a dump without natural keys, which would name users otherwise than by what apps know."""
    if not isinstance(dump, list):
        raise ValueError(f"not what `manage.py dumpdata` writes; {_DUMP}")
    models: dict[str, list[Row]] = {}
    for entry in dump:
        models.setdefault(str(entry["model"]), []).append({**entry["fields"], "pk": entry.get("pk")})
    if any(isinstance(row.get("user"), list) for row in models.get(ways, [])):
        raise ValueError("the dump has natural keys: make it without --natural-foreign and --natural-primary")
    people = [_user(row, row["pk"]) for row in models.get(users or _find_users(models), [])]
    return Tables(people, models.get(ways, []), models.get(apps, []))


def _find_users(models: Mapping[str, list[Row]]) -> str:
    """The one model that has what every user of Django has."""
    found = [name for name, rows in models.items() if rows and {"password", "last_login"} <= rows[0].keys()]
    if len(found) != 1:
        raise ValueError("which model are the users? Say --user-model app.model, and put it into the dump")
    return found[0]
