"""`broker import`: files of other systems, read, reported, and brought by the running server or without it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from broker.cli import main
from broker.cli.import_files import open_site, read_dex_file, read_time
from broker.core.arrivals.dex import build_dex_sub
from tests.cli.conftest import Served

Serve = Callable[..., Served]
FILES = Path(__file__).parents[1] / "fixtures/arrivals"
REALM, USERS, DEX = (str(FILES / name) for name in ("shop-realm.json", "shop-users-0.json", "dex.json"))
ADA = "56f6c53f-5150-4b42-9757-4c3dd4e7d947"
ADA_OF_DEX = build_dex_sub("117500000000000000042", "google")
BORIS = "2f9d2a1c-7f3b-4f0e-8a44-1f1b5a2f9d10"


def test_a_realm_comes_by_the_running_server_and_again_without_it(served: Serve) -> None:
    one = served().start()
    looked = one.broker("import", "keycloak", REALM, USERS)
    assert (looked.returncode, looked.stderr) == (0, "")
    assert looked.stdout.splitlines()[:4] == [
        "keycloak: 3 people read",
        "  new, would be brought (nothing has changed; --apply does it): 2",
        "  here already: 0",
        "  refused: 0",
    ]
    assert "87d349ed-44d7-43e1-9a83-5f2406dee5bd  it has ids of Microsoft Graph" in looked.stdout
    done = one.broker("import", "keycloak", REALM, USERS, "--apply", "--why", "moving in")
    assert (done.returncode, "new, brought: 2" in done.stdout) == (0, True)
    assert b'"people.imported"' in one.output
    taken = one.broker("import", "dex", DEX, "--apply", "--why", "moving in")
    assert (taken.returncode, taken.stderr) == (1, "")
    assert f"  {ADA_OF_DEX} has a way in that is that of account {ADA} here" in taken.stdout.splitlines()
    assert one.stop() == 0
    again = one.broker("import", "keycloak", REALM, USERS, "--apply", "--why", "moving in", "--json")
    report = json.loads(again.stdout)
    assert (again.returncode, report["new"], report["same"]) == (0, 0, 2)
    assert report["subs"] == {ADA: ADA, BORIS: BORIS}
    with closing(sqlite3.connect(one.folder / "broker.db")) as db:
        rows = db.execute("SELECT sub, created_at, blocked FROM accounts ORDER BY sub").fetchall()
    assert rows == [(BORIS, 1588881160, 1), (ADA, 1588881160, 0)]


def test_what_is_wrong_is_said_in_a_line(served: Serve) -> None:
    one = served()
    refused = one.broker("import", "keycloak", REALM, USERS)
    assert (refused.returncode, "no database yet" in refused.stderr) == (1, True)
    assert not list(one.folder.glob("broker.db*"))


def ask(tmp_path: Path, *words: str) -> tuple[int, str]:
    """Exit code and output of a command that gets no further than its file, or the configuration."""
    config = tmp_path / "config.yaml"
    config.write_text(
        "version: 1\nissuer: http://id.localhost:9\nserver: {listen: '127.0.0.1:9'}\n"
        "storage: {sqlite: {path: broker.db}}\n"
        "providers: {g: {type: google, client_id: '1', client_secret: fUk0tN3vVq1yqv4mJg0qO7cC2o9n1bXz}}\n"
        "clients: {shop: {name: Shop, redirect_uris: [https://shop.example.com/cb], auth_method: none}}\n"
    )
    told = CliRunner().invoke(main, ["import", *words, "--config", str(config)])
    assert told.exception is None or isinstance(told.exception, SystemExit), told.exception
    return told.exit_code, told.output.strip()


def test_names_that_are_not_clear_are_asked_for_before_anything_is_done(tmp_path: Path) -> None:
    users = {"users": [{"id": "1", "federatedIdentities": [{"identityProvider": "corp", "userId": "s"}]}]}
    (tmp_path / "users.json").write_text(json.dumps(users))
    code, said = ask(tmp_path, "keycloak", str(tmp_path / "users.json"))
    assert (code, said.splitlines()[0]) == (1, "corp: 1 ways in: none of yours is certainly it")
    assert "--provider THEIRS=OURS" in said


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("keycloak", REALM, "--apply"), 2, "--why"),
        (("keycloak", REALM, "--provider", "google"), 2, "is not THEIRS=OURS"),
        (("keycloak", "{folder}/none.json"), 1, "No such file"),
        (("keycloak", "{folder}/list.json"), 1, "not a JSON object"),
        (("keycloak", "{folder}/text"), 1, "neither JSON nor"),
        (("keycloak", "{folder}/nameless.json"), 1, "'id' is missing"),
        (("dex", "{folder}/list.json"), 1, "neither a database"),
        (("allauth", "--database", "postgresql://u:secret@h/db"), 1, "postgresql is not read from here; dump it"),
        (("allauth", "--database", "{folder}/object.json"), 1, "not what `manage.py dumpdata` writes"),
        (("allauth", "--database", "{folder}/empty.db"), 1, "has no table socialaccount_socialaccount"),
        (("allauth", "--database", "{folder}/list.json"), 1, "--user-model"),
        (("allauth", "--database", "{folder}/natural.json"), 1, "natural keys"),
        (("allauth", "--database", "{folder}/dump.json", "--id-field", "uuid"), 1, "'uuid' is missing"),
    ],
)
def test_a_file_that_is_another_is_said_to_be(tmp_path: Path, words: tuple[str, ...], code: int, said: str) -> None:
    user = {"model": "auth.user", "pk": 1, "fields": {"password": "", "last_login": None}}
    natural = {"model": "socialaccount.socialaccount", "pk": 1, "fields": {"user": ["ada"], "provider": "google"}}
    for name, document in {
        "list": [],
        "object": {},
        "nameless": {"users": [{"username": "ada"}]},
        "natural": [user, natural],
        "dump": [user],
    }.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
    (tmp_path / "text").write_text("x")
    with closing(sqlite3.connect(tmp_path / "empty.db")) as db, db:
        db.execute("CREATE TABLE other (id INTEGER)")
    got, output = ask(tmp_path, *(word.replace("{folder}", str(tmp_path)) for word in words))
    assert (got, said in output) == (code, True), output
    assert "secret" not in output


def test_dex_in_sqlite_says_what_its_objects_say(tmp_path: Path) -> None:
    """Tables as in storage/sql/migrate.go of Dex, as far as they are read."""
    path = tmp_path / "dex.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(
            """
            CREATE TABLE offline_session (user_id text NOT NULL, conn_id text NOT NULL, refresh bytea NOT NULL,
                                          PRIMARY KEY (user_id, conn_id));
            CREATE TABLE refresh_token (id text NOT NULL PRIMARY KEY, client_id text NOT NULL, claims_user_id text,
                                        claims_username text, claims_email text, claims_email_verified boolean,
                                        claims_groups bytea, connector_id text NOT NULL);
            CREATE TABLE connector (id text NOT NULL PRIMARY KEY, type text NOT NULL, name text NOT NULL,
                                    resource_version text NOT NULL, config bytea);
            INSERT INTO offline_session VALUES ('117500000000000000042', 'google', '{}'),
                                               ('08a8684b-db88-4b73-90a9-3cd1661f5466', 'local', '{}');
            INSERT INTO refresh_token VALUES ('kq3b', 'shop', '117500000000000000042', 'Ada Lovelace',
                                              'ada@example.com', 1, 'null', 'google');
            """
        )
    assert read_dex_file(path) == read_dex_file(Path(DEX))
    assert {one.id for one in read_dex_file(path).people} >= {ADA_OF_DEX}


def test_a_users_table_without_a_named_key_is_found_by_its_primary_key(tmp_path: Path) -> None:
    path = tmp_path / "site.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(
            """
            CREATE TABLE "pe""ople" (number INTEGER PRIMARY KEY, is_active INTEGER);
            CREATE TABLE social_auth_usersocialauth (id INTEGER PRIMARY KEY, provider, uid, extra_data,
                                                     user_id REFERENCES "pe""ople");
            INSERT INTO "pe""ople" VALUES (5, 1);
            INSERT INTO social_auth_usersocialauth VALUES (1, 'github', '77', '{}', 5);
            """
        )
    before = path.read_bytes()
    tables = open_site(f"sqlite:///{path}", ways=("social_auth_usersocialauth", ""), apps=None, users="")
    assert list(tables.users) == [{"number": 5, "is_active": 1, "pk": 5, "joined_at": 0}]
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("text", "at"),
    [("2020-01-02T03:04:05Z", 1577934245), ("2020-01-02 06:04:05+03:00", 1577934245), ("1900-01-01", 0), (None, 0)],
)
def test_times_of_django_are_in_utc_where_they_name_no_zone(text: object, at: int) -> None:
    assert read_time(text) == at
