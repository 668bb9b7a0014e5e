"""Threats K at the whole broker's database: it goes away, and it comes back from a backup."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from time import monotonic

import httpx2
import pytest

from tests.threats.journeys import http, refresh, userinfo
from tests.threats.ledger import Ledger, fill, load
from tests.threats.site import Site, running_site

pytestmark = pytest.mark.anyio


@pytest.fixture
def own_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site whose database a test may take away."""
    with running_site(tmp_path_factory.mktemp("database")) as site:
        yield site


def command(site: Site, *words: str) -> subprocess.CompletedProcess[str]:
    """Another command of the broker with the site's configuration."""
    config = str(site.folder / "config.yaml")
    line = [sys.executable, "-m", "broker", *words, "--config", config]
    return subprocess.run(line, capture_output=True, text=True, check=False, cwd=site.folder, timeout=120)


async def readiness(site: Site) -> httpx2.Response:
    """What /readyz says."""
    async with httpx2.AsyncClient(trust_env=False) as client:
        return await client.get(f"{site.management}/readyz")


async def test_k23_a_moved_database_is_503_at_once_and_nothing_is_lost_or_undone(own_site: Site) -> None:
    site, ledger, stop = own_site, Ledger(own_site), asyncio.Event()
    await fill(ledger)
    loading = asyncio.create_task(load(ledger, stop))
    while len(ledger.answers) < 60:
        await asyncio.sleep(0.01)
    elsewhere = site.folder / "elsewhere.db"
    site.database.rename(elsewhere)
    await loading
    assert set(ledger.answers[-4:]) == {503}, "each app's first answer after the move"
    async with http(site) as client:
        assert (await refresh(site, client, ledger.ended[0].refresh)).status_code == 503
        until = monotonic() + 30
        while (answer := await userinfo(site, client, ledger.live[0].access)).status_code != 503:
            assert monotonic() < until, "whoever reads hears of it within seconds, too"
            await asyncio.sleep(0.1)
        assert int(answer.headers["retry-after"]) > 0
    ready = await readiness(site)
    assert (ready.status_code, "broker.db is gone" in ready.json()["durable"]) == (503, True)
    assert [line["detail"] for line in site.log() if line["event"] == "store.unavailable"] == [
        f"sqlite: {site.database} is gone (No such file or directory); bring it back"
    ]
    site.stop()
    refused = await asyncio.to_thread(command, site, "serve")
    assert (refused.returncode, site.database.exists()) == (1, False)
    assert "keys.master is set" in refused.stderr
    elsewhere.rename(site.database)
    site.start()
    assert await ledger.audit() == ([], [])
    assert not [line for line in site.log() if line["event"] == "database.created"]
