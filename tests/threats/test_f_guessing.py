"""Threats F: what is guessed, compared, counted, or passed on to the database."""

from __future__ import annotations

import ast
import contextlib
import os
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from string import ascii_letters, digits
from typing import Any, cast
from urllib.parse import quote

import pytest

from broker.core.clients.client import Client
from broker.core.errors import InvalidGrant
from broker.core.seal import derive
from broker.services.context import Context
from broker.services.login.states import States
from tests.services.bare_broker import Clock, Notes, World
from tests.threats.journeys import ask_token, http, request_for, tokens_for, userinfo
from tests.threats.site import Site, running_site
from tests.threats.tours import issued

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
FAILURES = 6

# --- F17: one count for all doors ---


@pytest.fixture(scope="module")
def counting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site where a source may fail six times an hour."""

    def change(config: dict[str, Any]) -> None:
        config["limits"]["client_auth_failure"] = f"{FAILURES}/h"

    with running_site(tmp_path_factory.mktemp("counting"), change) as site:
        yield site


async def test_f17_failed_proofs_are_counted_together_at_every_door(counting: Site) -> None:
    async with http(counting) as client:
        endpoints = (await client.get("/.well-known/openid-configuration")).json()
        doors = [url for name, url in endpoints.items() if name in DOORS]
        assert len(doors) >= 3
        told = Counter[int]()
        for attempt in range(30):
            form = {"token": "x", "client_id": "second", "client_secret": f"guess-{attempt}"}
            told[(await client.post(doors[attempt % len(doors)], data=form)).status_code] += 1
    assert told == {401: FAILURES, 429: 30 - FAILURES}


async def test_f31_the_right_secret_opens_nothing_that_guessing_has_shut(counting: Site) -> None:
    async with http(counting) as client:
        told = Counter[int]()
        for attempt in range(FAILURES + 3):
            answer = await client.post("/introspect", data={"token": "x"}, auth=("app", f"guess-{attempt}"))
            told[answer.status_code] += 1
        assert told == {401: FAILURES, 429: 3}
        assert (await ask_token(counting, client, grant_type="x")).status_code == 429
        for neighbour in ("shop", "spa"):
            assert (await ask_token(counting, client, neighbour, grant_type="x")).status_code == 400


DOORS = (
    "token_endpoint",
    "revocation_endpoint",
    "introspection_endpoint",
    "pushed_authorization_request_endpoint",
    "device_authorization_endpoint",
)

# --- F18: where no client may, nothing is exchanged for anything ---


async def test_f18_where_no_client_may_there_is_no_such_grant(site: Site) -> None:
    tokens = await tokens_for(site)
    async with http(site) as client:
        metadata = (await client.get("/.well-known/openid-configuration")).json()
        assert EXCHANGE not in metadata["grant_types_supported"]
        assert "challenge_endpoint" not in metadata
        assert (await client.post("/challenge", data={"client_id": "spa", "provider": "google"})).status_code == 404
        assert "/challenge" not in (await client.get("/openapi.json")).json()["paths"]
        for kind, token in (("access_token", tokens["access_token"]), ("id_token", tokens["id_token"]), ("jwt", "x")):
            subject = {"subject_token": token, "subject_token_type": f"urn:ietf:params:oauth:token-type:{kind}"}
            for more in ({}, {"audience": "second"}, {"actor_token": token}, {"resource": "https://api.test/"}):
                answer = await ask_token(site, client, grant_type=EXCHANGE, **(subject | more))
                assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")
        assert (await userinfo(site, client, tokens["access_token"])).status_code == 200


# --- F24: what is looked up is a digest, so how far a guess is right shows in no comparison ---


class Overheard:
    """A half of the store that passes everything on and remembers the words it was asked with."""

    def __init__(self, inner: object, heard: list[str]) -> None:
        """`heard` is added to."""
        self._inner, self._heard = inner, heard

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        if not callable(method):
            return Overheard(method, self._heard)  # a repository

        def call(*words: Any, **more: Any) -> Any:
            self._heard.extend(word for word in words if isinstance(word, str))
            return method(*words, **more)

        return call


async def test_f24_nearly_right_looks_up_something_else_altogether() -> None:
    world, heard = await World.open(), list[str]()
    store = world.store
    code, (_, cookie, _) = await world.code(scope="openid offline_access"), await world.log_in()
    given = await world.redeem(await world.code(scope="openid offline_access"))
    store.durable, store.transient = (cast(Any, Overheard(half, heard)) for half in (store.durable, store.transient))
    await world.restart()
    attempts: tuple[tuple[str, Callable[[str], Awaitable[object]]], ...] = (
        (code, world.redeem),
        (given["refresh_token"], world.refresh),
        (cookie, world.sessions.find),
    )
    for value, use in attempts:
        asked = []
        for guess in (value, value[:-1] + chr(ord(value[-1]) ^ 1), value[:-2] + "~~"):
            heard.clear()
            with contextlib.suppress(InvalidGrant):
                await use(guess)
            asked.append({word for word in heard if len(word) >= 32})
            assert asked[-1], "something was looked up"
            assert not any(guess[:8] in word or guess[-8:] in word for word in heard), "never the value itself"
        right, nearly, less = ({word[:6] for word in words if len(word) == 64} for words in asked)
        assert not right & nearly
        assert not nearly & less
    await store.close()


def test_f24_of_a_clients_secret_only_digests_are_kept() -> None:
    kept = {name: field.type for name, field in Client.__dataclass_fields__.items() if "secret" in name}
    assert kept == {"secret_digests": "tuple[str, ...]", "secret_either_way": "bool"}


# --- F25: every value comes from the system's generator ---

ALPHABET = set(ascii_letters + digits + "-_")
CONTEXT = Context("https://id.test", Clock(), os.urandom, Notes())
STATES = States((derive(b"m" * 32, "state"),), os.urandom)
MINTED: dict[str, tuple[Callable[[], str], int]] = {
    "value": (CONTEXT.mint, 0),
    "jti": (lambda: CONTEXT.mint(size=16), 0),
    "ordered": (lambda: CONTEXT.mint_ordered("c"), 15),  # letter and time in front of the random part
}


@pytest.mark.parametrize("kind", MINTED)
def test_f25_a_hundred_thousand_values_look_like_chance(kind: str) -> None:
    mint, skipped = MINTED[kind]
    values = [mint()[skipped:] for _ in range(100_000)]
    assert len(set(values)) == len(values)
    assert {len(value) for value in values} <= {22, 43}
    # The last letter holds two or four bits only; every other one is six even bits.
    for place in range(len(values[0]) - 1):
        counts = Counter(value[place] for value in values)
        assert set(counts) == ALPHABET
        expected = len(values) / 64
        assert sum((count - expected) ** 2 / expected for count in counts.values()) < 150  # 63 degrees: p < 1e-8


def test_f25_a_hundred_thousand_states_are_all_different() -> None:
    assert len({STATES.mint(1_800_000_000, "shop") for _ in range(100_000)}) == 100_000


def test_f25_nothing_guessable_makes_values() -> None:
    sources = [path for folder in ("broker", "providers") for path in sorted((ROOT / folder).rglob("*.py"))]
    found = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in sources
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in _imported(node)
        if name.split(".")[0] in {"random", "uuid", "numpy"}
    }
    assert found == set()


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []


# --- F27: statements are fixed, values are passed beside them ---

SQL = (
    "' OR '1'='1",
    "'; DROP TABLE grants; --",
    '" OR ""="',
    "x') UNION SELECT sealed FROM signing_keys --",
    "1; PRAGMA writable_schema=1; --",
    "x' AND (SELECT randomblob(100000000)) --",
    "\\'; DELETE FROM accounts; --",
    "%' ESCAPE '\\' --",
)
FORMS: dict[str, tuple[str, ...]] = {
    "/token": ("grant_type", "code", "redirect_uri", "code_verifier", "refresh_token", "scope", "client_id"),
    "/revoke": ("token", "token_type_hint"),
    "/introspect": ("token", "token_type_hint"),
    "/consent": ("ticket", "answer"),
    "/callback/google": ("code", "state", "iss"),
    "/enter/telegram/app": ("ticket", "answer"),
}


async def test_f27_no_parameter_is_read_by_the_database(site: Site) -> None:
    tokens = await tokens_for(site)
    before, schema = issued(site), _schema(site)
    async with http(site) as client:
        for vector in SQL:
            for path, names in FORMS.items():
                for name in names:
                    form = {"grant_type": "refresh_token"} if path == "/token" else {}
                    answer = await client.post(path, data=form | {name: vector}, auth=("app", site.secret("app")))
                    assert answer.status_code < 500, (path, name, vector)
            for name in request_for(site):
                assert (await client.get("/authorize", params=request_for(site, **{name: vector}))).status_code < 500
            for cookie in ("__Host-session", "__Host-browser"):
                headers = {"Cookie": f"{cookie}={quote(vector)}"}
                assert (await client.get("/authorize", params=request_for(site), headers=headers)).status_code < 500
            for path in (f"/callback/google/{quote(vector, safe='')}", f"/enter/{quote(vector, safe='')}/app"):
                assert (await client.get(path)).status_code in {400, 404}
            assert (await userinfo(site, client, quote(vector))).status_code == 401
        assert (await userinfo(site, client, tokens["access_token"])).status_code == 200
    assert (issued(site), _schema(site)) == (before, schema)
    assert not {"store.unavailable", "server.error"} & {line["event"] for line in site.log()}


def _schema(site: Site) -> list[tuple[str, str]]:
    with contextlib.closing(sqlite3.connect(f"file:{site.database}?mode=ro", uri=True)) as reader:
        return [(str(name), str(sql)) for name, sql in reader.execute("SELECT name, sql FROM sqlite_master ORDER BY 1")]


def test_f27_every_statement_is_written_down_whole() -> None:
    found = {
        f"{path.relative_to(ROOT)}: {ast.unparse(node)}"
        for path in sorted((ROOT / "broker").rglob("*.py"))
        # Migrations and settings of ours run before the first request.
        if not path.match("broker/store/sqlite/file.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if _is_made_up(node)
        or (
            isinstance(node, ast.Yield)
            and isinstance(node.value, ast.Tuple)
            and not isinstance(node.value.elts[0], ast.Constant)
            and "store" in path.relative_to(ROOT).parts
        )
    }
    # The driver runs what the operations say, and they say it whole, there or through `one`, `every` and `do`.
    # And a file that an operator gives is read, no more, table by table, by names of its own schema.
    assert found == {
        "broker/cli/import_files.py: db.execute(f'SELECT * FROM \"{quoted}\"')",
        "broker/store/sqlite/engine.py: db.execute(sql, params)",
        "broker/store/sql/steps.py: (yield (sql, params))",
    }


def _is_made_up(node: ast.AST) -> bool:
    """Whether it runs a statement that is no constant."""
    if not isinstance(node, ast.Call) or not node.args or isinstance(node.args[0], ast.Constant):
        return False
    if isinstance(node.func, ast.Attribute):
        return node.func.attr in {"execute", "executemany", "executescript"}
    return isinstance(node.func, ast.Name) and node.func.id in {"one", "every", "do"}
