"""Threats K at the whole broker's database: it goes away, and it comes back from a backup."""

from __future__ import annotations

import asyncio
import os
import secrets
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from time import monotonic

import httpx2
import pytest

from tests.threats.journeys import code_for, http, new_visitor, redeem, refresh, userinfo
from tests.threats.ledger import Family, Ledger, fill, load
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
        until = monotonic() + 120
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


async def test_k24_the_restore_drill_of_the_documentation_loses_nothing_and_undoes_nothing(own_site: Site) -> None:
    site, ledger = own_site, Ledger(own_site)
    await fill(ledger)
    async with new_visitor() as leaver, http(site) as client:
        family = await ledger.log_in(leaver, "ada")
        spare = await ledger.log_in(leaver, "ada")
        waiting = await code_for(site, leaver)
        backup = site.folder / "backup.db"
        taken = await asyncio.to_thread(command, site, "backup", str(backup))
        assert taken.returncode == 0, taken.stderr
        # Since the backup: a code is spent, a session ends, a grant is revoked, tokens are refreshed.
        assert (await redeem(site, client, waiting)).status_code == 200
        await ledger.sign_out(leaver, family)
        await ledger.give_back(client, spare)
        for known in ledger.live:
            await ledger.turn(client, known)
        site.stop()
        done = await asyncio.to_thread(command, site, "restore", str(backup), "--end-everything")
        assert done.returncode == 0, done.stderr
        site.start()
        assert (await redeem(site, client, waiting)).status_code == 400
        ledger.ended += ledger.live  # everything was ended, that is what was asked for
        ledger.live = []
        assert await ledger.audit() == ([], [])
    assert not [line for line in site.log() if line["event"] in {"database.created", "server.error"}]


async def test_k24_without_ending_everything_people_and_their_apps_go_on_where_the_backup_was(own_site: Site) -> None:
    site, ledger = own_site, Ledger(own_site)
    await fill(ledger)
    async with new_visitor() as leaver:
        await ledger.sign_out(leaver, await ledger.log_in(leaver, "zoe"))
        backup = site.folder / "backup.db"
        assert (await asyncio.to_thread(command, site, "backup", str(backup))).returncode == 0
        site.stop()
        site.database.unlink()
        assert (await asyncio.to_thread(command, site, "restore", str(backup))).returncode == 0
        site.start()
        assert await ledger.audit() == ([], [])


# --- a large database ---

PEOPLE_TO_400_MB = 1_400_000


def grow(site: Site, people: int) -> None:
    """So many people who were here once, beside a broker at rest."""
    with closing(sqlite3.connect(site.database, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = OFF")
        for first in range(0, people, 50_000):
            keys = [secrets.token_hex(16) for _ in range(min(50_000, people - first))]
            db.execute("BEGIN")
            db.executemany("INSERT INTO accounts (sub, created_at) VALUES (?, 0)", [(key,) for key in keys])
            db.executemany(
                """INSERT INTO links (provider_key, subject, sub, provider, claims, raw_ids, seen_at)
                   VALUES ('elsewhere', ?, ?, 'google', ?, '{}', 0)""",
                [(key, key, f'{{"email": "{key[:12]}@example.com", "email_verified": true}}') for key in keys],
            )
            db.execute("COMMIT")


def start_cost(site: Site, rounds: int = 5) -> float:
    """Seconds of processor until the first answer, the best of several starts."""

    def once() -> float:
        site.start()
        fields = Path(f"/proc/{site.pid}/stat").read_text().rpartition(") ")[2].split()
        site.stop()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    return min(once() for _ in range(rounds))


async def at_a_rate(ledger: Ledger, rate: float, stop: asyncio.Event) -> list[float]:
    """Seconds that each of so many refreshes per second took; each must be answered well."""
    took: list[float] = []
    running: set[asyncio.Task[None]] = set()
    free = list(ledger.live)

    async def one(client: httpx2.AsyncClient, family: Family) -> None:
        began = monotonic()
        assert await ledger.turn(client, family) == 200
        took.append(monotonic() - began)
        free.append(family)

    async with http(ledger.site) as client:
        began, asked = monotonic(), 0
        while not stop.is_set():
            while free and asked < rate * (monotonic() - began):
                running.add(asyncio.create_task(one(client, free.pop(0))))
                asked += 1
            await asyncio.sleep(0.5 / rate)
            for done in [task for task in running if task.done()]:
                running.discard(done)
                done.result()
        await asyncio.gather(*running)
    return sorted(took)


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_k10_four_hundred_megabytes_cost_a_start_nothing_and_are_backed_up_while_requests_are_served(
    own_site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site, ledger, stop = own_site, Ledger(own_site), asyncio.Event()
    await fill(ledger, families=60)
    await asyncio.to_thread(site.stop)
    empty = await asyncio.to_thread(start_cost, site)
    await asyncio.to_thread(grow, site, PEOPLE_TO_400_MB)
    site.start()  # it was changed by somebody else, so this start reads it as a whole
    site.stop()
    large = await asyncio.to_thread(start_cost, site)
    site.start()
    calm = asyncio.create_task(at_a_rate(ledger, 100, stop))
    await asyncio.sleep(20)
    stop.set()
    before, stop = await calm, asyncio.Event()
    busy = asyncio.create_task(at_a_rate(ledger, 100, stop))
    began = monotonic()
    taken = await asyncio.to_thread(command, site, "backup", str(site.folder / "backup.db"))
    seconds = monotonic() - began
    stop.set()
    during = await busy
    assert taken.returncode == 0, taken.stderr
    log = Path(f"{site.database}-wal").stat().st_size
    with capsys.disabled():
        print(  # noqa: T201 - the numbers are what a soak run is for
            f"\nstart: {empty:.2f} s of processor empty, {large:.2f} s at {site.database.stat().st_size / 1e6:.0f} MB; "
            f"backup: {seconds:.1f} s, {len(during) / seconds:.0f} requests/s, log {log / 1e6:.0f} MB; "
            f"ms before {describe(before)}, during {describe(during)}"
        )
    assert large <= 1.2 * empty
    assert set(ledger.answers) == {200}
    assert await ledger.audit() == ([], [])


def describe(took: list[float]) -> str:
    """p50, p99 and the longest, in milliseconds."""
    return " / ".join(f"{1000 * took[int((len(took) - 1) * part)]:.0f}" for part in (0.5, 0.99, 1))
