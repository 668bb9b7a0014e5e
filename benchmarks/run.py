"""One command: every server in turns (A B C, A B C, ...), each fresh and warmed; then the table."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import uvloop

from benchmarks.measure import Amounts, Bench, Turn
from benchmarks.process import Cores, free_port, start
from benchmarks.report import README, build_report, describe_turn, write_report
from benchmarks.servers import CONTENDERS, Contender, Place
from benchmarks.upstream import Issuer, UpstreamProtocol

Results = dict[str, list[Turn]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and report."""
    asked = _parse(arguments)
    amounts = Amounts(logins=asked.logins, calls=2 * asked.logins)
    if asked.quick:
        amounts = Amounts(warm_up=50, logins=100, calls=200, bursts=1)
    chosen = [contender for contender in CONTENDERS if not asked.only or contender.name in asked.only.split(",")]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        results = runner.run(_measure(chosen, amounts, turns=1 if asked.quick else asked.turns))
    report = build_report(results, amounts)
    print(report)
    if asked.write:
        write_report(report)
        print(f"written to {README}")


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke test: one small turn, figures mean nothing")
    parser.add_argument("--only", default="", help=f"comma-separated: {', '.join(one.name for one in CONTENDERS)}")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--logins", type=int, default=Amounts().logins, help="per burst")
    parser.add_argument("--write", action="store_true", help=f"put the table into {README.name}")
    return parser.parse_args(arguments)


async def _measure(contenders: Sequence[Contender], amounts: Amounts, *, turns: int) -> Results:
    cores = Cores.split()
    if cores.driver:
        os.sched_setaffinity(0, cores.driver)
    issuers = {contender.algorithm: Issuer(contender.algorithm) for contender in contenders}
    ports = {algorithm: await _serve(issuer) for algorithm, issuer in issuers.items()}
    gc.freeze()
    results: Results = {contender.name: [] for contender in contenders}
    with TemporaryDirectory(prefix="bench-compiled-") as cache:
        for number, contender in product(range(turns), contenders):
            issuer = issuers[contender.algorithm]
            connections, key_fetches = issuer.connections, issuer.key_fetches
            port = ports[contender.algorithm]
            turn = await _take_turn(contender, port, amounts, cores, cache=Path(cache))
            turn.connections, turn.key_fetches = issuer.connections - connections, issuer.key_fetches - key_fetches
            results[contender.name].append(turn)
            print(f"turn {number + 1} {contender.name:11} {describe_turn(turn)}", flush=True)
    return results


async def _serve(issuer: Issuer) -> int:
    port = free_port()
    await asyncio.get_running_loop().create_server(lambda: UpstreamProtocol(issuer), "127.0.0.1", port)
    return port


async def _take_turn(contender: Contender, upstream: int, amounts: Amounts, cores: Cores, *, cache: Path) -> Turn:
    with TemporaryDirectory(prefix="bench-") as directory:
        home = Path(directory)
        place = Place(free_port(), free_port(), home, f"http://127.0.0.1:{upstream}", contender.algorithm)
        launch = contender.prepare(place)
        launch = replace(launch, environ={**launch.environ, "PYTHONPYCACHEPREFIX": str(cache)})
        log = home / "log"
        # Once to make its database and keys and to bring its files into memory; the second start is the cold start.
        (await start(launch.command, port=place.port, environ=launch.environ, log=log, cores=cores)).stop()
        running = await start(launch.command, port=place.port, environ=launch.environ, log=log, cores=cores)
        try:
            return await Bench(running, contender, amounts).run()
        except BaseException:
            print(log.read_text(errors="replace")[-3000:])
            raise
        finally:
            running.stop()


if __name__ == "__main__":
    main()
