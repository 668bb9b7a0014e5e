"""Authorities and certificates of one upstream's own, over real TLS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from pydantic import ValidationError

from broker.cli.online import look_around
from broker.config.model import Config
from broker.core.errors import UpstreamUnavailable
from broker.testing.bench import Notes
from broker.upstream import TlsSettings, UpstreamTls
from broker.upstream.http import HttpPool
from broker.upstream.lend import lend
from providers.oidc import OidcSettings
from tests.upstream.tls_server import Certificate, TlsServer, insisting_server, tls_server

pytestmark = pytest.mark.anyio


@dataclass
class Place:
    """Two upstreams' worth of files, and a pool."""

    server: TlsServer
    host: Certificate
    ours: Certificate
    pool: HttpPool

    def settings(self, **tls: object) -> TlsSettings:
        return TlsSettings.model_validate(
            {"type": "x", "client_id": "c", "tls": {"ca_file": str(self.host.cert), **tls}}
        )

    @property
    def shown(self) -> dict[str, str]:
        return {"client_cert": str(self.ours.cert), "client_key": str(self.ours.key)}

    async def call(self, name: str, settings: TlsSettings) -> str:
        tools = lend(self.pool, name, settings, recorder=Notes())
        return (await tools.http.get_json(f"{self.server.url}/")).text("access_token")


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Place]:
    host, ours = Certificate(tmp_path, "localhost"), Certificate(tmp_path, "broker")
    pool = await HttpPool.open()
    async with tls_server(host, believes=ours) as server:
        yield Place(server, host, ours, pool)
        await pool.close()
        await asyncio.sleep(0.05)


async def test_i9_a_certificate_is_shown_by_the_provider_it_is_configured_for_and_by_no_other(at: Place) -> None:
    """Connections are kept, and none that was made with a certificate serves somebody else."""
    for name, settings in (("a", at.settings(**at.shown)), ("b", at.settings()), ("a", at.settings(**at.shown))):
        assert await at.call(name, settings) == "t"
    assert at.server.callers == ["broker", "", "broker"]


async def test_i9_an_authority_counts_for_the_provider_it_is_configured_for_and_for_no_other(at: Place) -> None:
    assert await at.call("a", at.settings()) == "t"
    with pytest.raises(UpstreamUnavailable):
        await at.call("b", TlsSettings(type="x", client_id="c"))


async def test_an_upstream_that_refuses_us_for_want_of_a_certificate_is_quoted(at: Place) -> None:
    with insisting_server(at.host, at.ours) as url:
        http = at.pool.for_provider("x", recorder=Notes(), tls=at.settings().tls)
        with pytest.raises(UpstreamUnavailable, match="CERTIFICATE_REQUIRED"):
            await http.post_form(f"{url}/", {})


async def test_authorities_of_all_calls_count_beside_those_of_one_upstream(tmp_path: Path) -> None:
    host, other = Certificate(tmp_path, "localhost"), Certificate(tmp_path, "other")
    pool = await HttpPool.open(ca_file=str(host.cert))
    async with tls_server(host) as server:
        http = pool.for_provider("x", recorder=Notes(), tls=UpstreamTls(ca_file=str(other.cert)))
        assert (await http.get_json(f"{server.url}/")).text("access_token") == "t"
        await pool.close()
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"client_cert": "broker.cert.pem"}, "set both, or neither"),
        ({"ca_file": "none.pem"}, "ca_file: No such file or directory"),
        ({"ca_file": "junk.pem"}, "ca_file: "),
        ({"client_cert": "broker.cert.pem", "client_key": "none.pem"}, "client_cert, client_key: No such file"),
        ({"client_cert": "broker.cert.pem", "client_key": "other.key.pem"}, "KEY_VALUES_MISMATCH"),
        ({"client_cert": "broker.cert.pem", "client_key": "locked.pem"}, "the key has a passphrase"),
        ({"client_cert": "junk.pem", "client_key": "broker.key.pem"}, "client_cert, client_key: "),
        ({"verify": False}, "Extra inputs are not permitted"),
    ],
)
def test_i9_files_that_will_not_do_are_named_at_the_start(tmp_path: Path, given: dict[str, Any], said: str) -> None:
    for name in ("broker", "other"):
        Certificate(tmp_path, name)
    (tmp_path / "junk.pem").write_text("canary")
    (tmp_path / "locked.pem").write_bytes(locked((tmp_path / "broker.key.pem").read_bytes()))
    settings = {"type": "x", "client_id": "c", "tls": given}
    with pytest.raises(ValidationError) as caught:
        TlsSettings.model_validate(settings, context={"base": tmp_path})
    assert said in str(caught.value)
    assert "canary" not in str(caught.value)
    if "verify" not in given and "set both" not in said:
        TlsSettings.model_validate(settings | {"enabled": False}, context={"base": tmp_path})


def locked(key: bytes) -> bytes:
    private = load_pem_private_key(key, None)
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))


async def test_the_online_check_shows_the_certificate_and_says_when_it_ends(at: Place) -> None:
    tls = {"ca_file": str(at.host.cert), **at.shown}
    base = {"issuer": at.server.url, "server_base": at.server.url, "browser_base": at.server.url}
    provider = OidcSettings.model_validate({"type": "oidc", "client_id": "c", "client_secret": "s", "tls": tls, **base})
    client = {"name": "c", "redirect_uris": ["https://c.example/"], "secret": "s" * 40}
    made = {"version": 1, "issuer": "https://b.example", "providers": {"x": provider}, "clients": {"c": client}}
    report = await look_around(Config.model_validate(made))
    assert any("tls.client_cert: ends on " in warning for warning in report.warnings)
    assert set(at.server.callers) == {"broker"}
    assert "issuer" in report.failures[0]  # it was reached, and said no word of what it is
