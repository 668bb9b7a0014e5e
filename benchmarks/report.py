"""The figures as tables, and the page they stand on."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

import orjson

from benchmarks.measure import Amounts, Figures, Turn
from benchmarks.servers import CONTENDERS, PEER

README = Path(__file__).parent / "README.md"
_BEGIN, _END = "<!-- figures: written by `make bench` -->", "<!-- end of figures -->"
_LIBRARIES = ("uvicorn", "uvloop", "httptools", "starlette", "aiohttp", "cryptography", "orjson")
_NAMES = {
    "login": "login: authorize, callback with upstream, token, userinfo",
    "token": "token: code against tokens, PKCE",
    "refresh": "token: refresh with rotation",
    "client_credentials": "token: client credentials",
    "dpop": "token: client credentials, bound by DPoP",
    "par": "pushed authorization request",
    "introspection": "introspection",
    "userinfo": "userinfo",
    "discovery": "discovery document",
}
# Who is compared with whom: (ours, the other).
_PAIRS = (("ours", "peer"), ("ours-rs256", "peer-rs256"), ("ours", "floor"))

Results = Mapping[str, Sequence[Turn]]


def describe_turn(turn: Turn) -> str:
    """One line while it runs."""
    parts = [f"{name} {figures.cpu:.0f} us {figures.rate:.0f}/s" for name, figures in turn.figures.items()]
    return f"{', '.join(parts)}, {turn.idle:.0f} -> {turn.after:.0f} MB, cold {turn.cold_start:.0f} ms"


def build_report(results: Results, amounts: Amounts) -> str:
    """All tables."""
    measured = {name: turns for name, turns in results.items() if turns}
    parts = [_about(measured, amounts), *(_operation(name, measured) for name in _NAMES)]
    parts += [_processes(measured), _ratios(measured)]
    return "\n\n".join(part for part in parts if part)


def write_report(report: str) -> None:
    """Into benchmarks/README.md, between its two marks."""
    page = README.read_text(encoding="utf-8")
    before, _, rest = page.partition(_BEGIN)
    after = rest.partition(_END)[2]
    README.write_text(f"{before}{_BEGIN}\n\n{report}\n\n{_END}{after}", encoding="utf-8")


def _about(results: Results, amounts: Amounts) -> str:
    turns = max(map(len, results.values()), default=0)
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    peer = orjson.loads((PEER / "package.json").read_bytes())["dependencies"]["oidc-provider"]
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout.strip() or "none"
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {_processor()}, {os.cpu_count()} cores, {platform.platform()}, "
        f"load of the machine {os.getloadavg()[0]:.1f}. CPython {platform.python_version()} "
        f"({platform.python_compiler()}), SQLite {sqlite3.sqlite_version}, {libraries}; Node {node}, "
        f"oidc-provider {peer}. {turns} turns, each with {amounts.warm_up} logins of warm-up and the median of "
        f"{amounts.bursts} bursts of {amounts.logins} logins or {amounts.calls} calls; {amounts.in_flight} in flight."
    )


def _operation(name: str, results: Results) -> str:
    rows = [
        (
            _title(server),
            _spread((figures.cpu for figures in every), 0),
            f"{1e6 / median(figures.cpu for figures in every):,.0f}",
            _middle(figures.rate for figures in every),
            f"{median(figures.p50 for figures in every):.1f} / {median(figures.p99 for figures in every):.1f}",
        )
        for server, every in _of(name, results).items()
    ]
    return _table((f"**{_NAMES[name]}**", "µs CPU", "per CPU-s", "per s", "p50 / p99 ms"), rows) if rows else ""


def _processes(results: Results) -> str:
    rows = [
        (
            _title(name),
            _spread((turn.cold_start for turn in turns), 0),
            f"{median(turn.idle for turn in turns):.0f}",
            f"{median(turn.after for turn in turns):.0f}",
            f"{max(turn.connections for turn in turns)}",
            f"{max(turn.key_fetches for turn in turns)}",
        )
        for name, turns in results.items()
    ]
    return _table(
        ("**process**", "cold start ms", "MB idle", "MB after all that", "upstream connections", "key fetches"), rows
    )


def _ratios(results: Results) -> str:
    rows = []
    for ours, other in _PAIRS:
        for name in _NAMES:
            mine, theirs = _of(name, results).get(ours), _of(name, results).get(other)
            if mine and theirs:
                ratios = [one.cpu / another.cpu for one, another in zip(theirs, mine, strict=True)]
                rows.append((f"{name}: {other} / {ours}", _spread(ratios, 2), ", ".join(f"{r:.2f}" for r in ratios)))
    return _table(("**CPU of the other / ours**", "median [least-most]", "per turn"), rows) if rows else ""


def _of(name: str, results: Results) -> dict[str, list[Figures]]:
    found = {
        server: [turn.figures[name] for turn in turns if name in turn.figures] for server, turns in results.items()
    }
    return {server: every for server, every in found.items() if every}


def _title(name: str) -> str:
    return next(contender.title for contender in CONTENDERS if contender.name == name)


def _middle(values: Iterable[float]) -> str:
    return f"{median(values):,.0f}"


def _spread(values: Iterable[float], digits: int) -> str:
    every = list(values)
    return f"{median(every):,.{digits}f} [{min(every):,.{digits}f}-{max(every):,.{digits}f}]"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
