"""Threats J: what the log, the metrics, the pages and the files of a running broker hold."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import jwt
import pytest

from broker.demo.people import PEOPLE
from broker.demo.visitor import Visitor
from tests.threats.journeys import (
    VERIFIER,
    back,
    code_for,
    get_bytes,
    http,
    new_visitor,
    query_of,
    redeem,
    refresh,
    send_raw,
    sign_in,
    tokens_for,
    until_callback,
    userinfo,
)
from tests.threats.site import CANARY, Site, running_site
from tests.threats.tours import broker_command, signed_link, tour

pytestmark = pytest.mark.anyio

SECRET_PARAMS = {"code", "state", "ticket", "fragment", "tgAuthResult", "hash", "id_token_hint", "device_id"}
PRIVATE_PARAMS = {"nonce", "code_challenge"}
"""Kept with a code and a grant, because they are compared or given back; no secrets, and nothing for a log."""


async def management(site: Site, path: str) -> httpx2.Response:
    """An answer of the management listener."""
    async with httpx2.AsyncClient(trust_env=False) as client:
        return await client.get(f"{site.management}{path}")


async def grand_tour(site: Site) -> tuple[set[str], set[str], bytes]:
    """Everything there is to do here: every secret on the way, every private value, every byte the broker answered."""
    secrets = configured(site) | {VERIFIER}
    private: set[str] = set()
    async with new_visitor() as visitor, http(site) as client:
        await tour(site, visitor)
        # Somebody else than below: two signatures over the same fields in one second are one, and good once.
        await visitor.get(await signed_link(site, "telegram", "boris"))
        await visitor.click("allow")
        for provider in site.config["providers"]:
            tokens = await tokens_for(site, visitor=visitor, idp_hint=provider, prompt="login", person="zoe")
            child = (await refresh(site, client, tokens["refresh_token"])).json()
            secrets |= {one[name] for one in (tokens, child) for name in ("access_token", "refresh_token", "id_token")}
            await userinfo(site, client, child["access_token"])
            await refresh(site, client, tokens["refresh_token"] + "x")
        await spoil(site, visitor, client)
        for step in visitor.history:
            secrets |= {value for name, value in query_of(step.url).items() if name in SECRET_PARAMS}
            private |= {value for name, value in query_of(step.url).items() if name in PRIVATE_PARAMS}
        pages = [page for page in visitor.pages if page.url.startswith(site.issuer)]
        for page in visitor.pages:
            secrets |= {cookie.split(";")[0].partition("=")[2] for cookie in page.set_cookies if "-last=" not in cookie}
        answered = b"".join(f"{page.text}{dict(page.headers)}".encode() for page in pages)
    return {secret for secret in secrets if len(secret) > 8}, private, answered


async def spoil(site: Site, visitor: Visitor, client: httpx2.AsyncClient) -> None:
    """Failures speak more than successes: some of each kind."""
    for fault in (
        "wrong_nonce",
        "wrong_signature",
        "alg_none",
        "invalid_grant",
        "error_200",
        "500",
        "not_json",
        "no_id",
    ):
        site.emulators["google"].fault(fault, times=1)
        await sign_in(site, visitor, prompt="login")
        site.clear()
        await sign_in(site, visitor, prompt="login")
    callback = await until_callback(site, visitor, prompt="login")
    async with new_visitor() as other:
        await other.get(callback)
    code = await code_for(site, visitor)
    await redeem(site, client, code, code_verifier="w" * 50)
    await redeem(site, client, code, "second")
    form = {"client_id": "second", "client_secret": site.secret("app"), "grant_type": "refresh_token"}
    await client.post("/token", data=form, headers={"User-Agent": site.secret("app")})
    await client.get("/userinfo", params={"access_token": code}, headers={"Authorization": f"Bearer {code}"})
    await send_raw(site, get_bytes(site, f"/authorize?client_id={code}", f"Cookie: __Host-session={code}", "X: \x01"))


def configured(site: Site) -> set[str]:
    """The secrets of the configuration, as they are and as they travel."""
    found: set[str] = set()
    for section in ("providers", "clients"):
        for settings in site.config[section].values():
            found |= {str(value) for name, value in settings.items() if "secret" in name or name == "bot_token"}
    for key in site.config["keys"]["master"]:
        found |= {key, base64.b64decode(key).hex(), base64.urlsafe_b64encode(base64.b64decode(key)).decode()}
    return found | {text.partition(":")[2] for text in found if ":" in text}


@pytest.fixture(scope="module")
def toured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site of its own: its log is read from the first to the last line."""
    with running_site(tmp_path_factory.mktemp("toured")) as site:
        yield site


async def test_j1_j2_no_secret_is_in_log_metrics_pages_or_database(toured: Site) -> None:
    site = toured
    secrets, private, answered = await grand_tour(site)
    assert len(secrets) > 150
    assert site.log()[0]["event"] == "database.created", "from the first line"
    assert any(event["level"] == "debug" for event in site.log()), "the log must be at its most talkative"
    metrics = (await management(site, "/metrics")).content
    errors = (site.folder / "stderr").read_bytes()
    places = {"log": site.log_bytes(), "metrics": metrics, "stderr": errors, "database": site.database_bytes()}
    assert hits(secrets | {CANARY, "BEGIN PRIVATE", "BEGIN RSA", '"d":'}, places) == []
    # People, too, are not in the log and the metrics; the database is where their claims belong.
    people = {
        text for one in PEOPLE for text in (one.email, one.phone, one.family_name, *one.ids.values()) if len(text) > 5
    }
    assert hits(people | private, {name: places[name] for name in ("log", "metrics", "stderr")}) == []
    assert hits(configured(site) | {CANARY}, {"pages": answered}) == []


def hits(secrets: set[str], places: dict[str, bytes]) -> list[str]:
    """Which secret is where; the secret itself is cut short."""
    return [
        f"{name}: {secret[:12]}…"
        for name, raw in places.items()
        for secret in sorted(secrets)
        if secret.encode() in raw
    ]


async def test_j9_metrics_and_readiness_name_nobody(toured: Site) -> None:
    tokens = await tokens_for(toured)
    sub = jwt.decode(tokens["id_token"], options={"verify_signature": False})["sub"]
    metrics = (await management(toured, "/metrics")).text
    assert "broker_logins_total" in metrics
    assert sub not in metrics
    for path in ("/metrics", "/readyz", "/livez"):
        async with http(toured) as client:
            assert (await client.get(path)).status_code == 404, "only on the management listener"
    for path in ("/", "/authorize", "/token", "/jwks", "/keys", "/config"):
        assert (await management(toured, path)).status_code == 404, "and nothing else is there"
    assert "password" not in (await management(toured, "/readyz")).text


async def test_j4_the_published_keys_are_public(site: Site) -> None:
    async with http(site) as client:
        answer = await client.get("/jwks")
    keys = answer.json()["keys"]
    assert keys
    for key in keys:
        assert set(key) <= {"kty", "kid", "use", "alg", "n", "e", "crv", "x", "y"}
        assert key["use"] == "sig"
    assert {path.name for path in site.folder.glob("broker.db*")} <= {
        "broker.db",
        "broker.db-wal",
        "broker.db-shm",
        "broker.db.control",
        "broker.db.lock",
    }
    for path in site.folder.glob("broker.db*"):
        assert path.stat().st_mode & 0o077 == 0, path


PLACEHOLDERS = (
    "changeme",
    "secret",
    "12345678",
    "",
    "your-client-secret-here",
    "x" * 40,
    "demo-google-secret",
    "<secret>",
)


@pytest.mark.parametrize("value", PLACEHOLDERS)
def test_j3_a_placeholder_does_not_start(site: Site, tmp_path: Path, value: str) -> None:
    for section, name in (("providers", "google"), ("clients", "app")):
        config = json.loads(json.dumps(site.config))
        field = "client_secret" if section == "providers" else "secret"
        config[section][name][field] = value
        path = tmp_path / f"{section}.yaml"
        path.write_text(json.dumps(config))
        path.chmod(0o600)
        complaint = start_in_vain(path)
        assert field in complaint
        assert value in {"", "secret"} or value not in complaint.replace(str(path), "")


def test_j3_files_that_others_can_read_do_not_start(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps(site.config))
    path.chmod(0o644)
    assert "chmod" in start_in_vain(path) or "read" in start_in_vain(path)
    key = tmp_path / "own.db.key"
    key.write_bytes(base64.b64encode(b"k" * 32))
    key.chmod(0o644)
    config = {**site.config, "keys": {}, "storage": {"sqlite": {"path": str(tmp_path / "own.db")}}}
    config["server"] = {"listen": "127.0.0.1:0", "management": None}
    path.chmod(0o600)
    path.write_text(json.dumps(config))
    assert "chmod 600" in start_in_vain(path)


def start_in_vain(path: Path) -> str:
    """What `broker serve` says instead of starting: plain lines, no traceback."""
    command = [sys.executable, "-m", "broker", "serve", "--create", "--config", str(path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120, cwd=path.parent)
    assert done.returncode not in {0, None}
    assert "Traceback" not in done.stderr
    assert done.stderr.strip()
    return done.stderr


async def test_j5_keys_change_under_load_and_no_verification_fails(tmp_path: Path) -> None:
    with running_site(tmp_path) as site:
        async with http(site) as client, new_visitor() as visitor:
            first = await client.get("/jwks")
            assert int(re.findall(r"max-age=(\d+)", first.headers["cache-control"])[0]) <= 2 * 86400
            caches = [jwt.PyJWKSet.from_dict(first.json()), jwt.PyJWKSet.from_dict(first.json())]
            old = (await tokens_for(site, visitor=visitor))["id_token"]
            await broker_command(site, "keys", "rotate")
            published = jwt.PyJWKSet.from_dict((await client.get("/jwks")).json())
            assert len(published.keys) == 2, "seen before it signs"
            # One app asks for the keys once a while, the other never again: both go on.
            for cache in (caches[0], published):
                token = (await tokens_for(site, visitor=visitor))["id_token"]
                verify(token, cache, site)
            await broker_command(site, "keys", "rotate", "--now")
            after = jwt.PyJWKSet.from_dict((await client.get("/jwks")).json())
            token = (await tokens_for(site, visitor=visitor))["id_token"]
            assert jwt.get_unverified_header(token)["kid"] != jwt.get_unverified_header(old)["kid"]
            for one in (token, old):
                verify(one, after, site)
            hinted = await sign_in(site, visitor, prompt="none", id_token_hint=old)
            assert "code" in back(hinted), "a token of a retired key is still one of ours"
        site.stop()
        site.start()
        async with http(site) as client:
            verify(token, jwt.PyJWKSet.from_dict((await client.get("/jwks")).json()), site)


def verify(token: str, keys: jwt.PyJWKSet, site: Site) -> None:
    """As an app does with the keys it has."""
    kid = jwt.get_unverified_header(token)["kid"]
    jwt.decode(token, keys[kid], algorithms=["RS256"], audience="app", issuer=site.issuer)
