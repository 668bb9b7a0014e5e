"""The figures as a page."""

from __future__ import annotations

from pathlib import Path

from benchmarks.measure import Amounts, Turn

README = Path(__file__).parent / "README.md"


def describe_turn(turn: Turn) -> str:
    """One line while it runs."""
    parts = [f"{name} {figures.cpu:.0f} us {figures.rate:.0f}/s" for name, figures in turn.figures.items()]
    return f"{', '.join(parts)}, {turn.idle:.0f} -> {turn.after:.0f} MB, cold {turn.cold_start:.0f} ms"


def build_report(results: dict[str, list[Turn]], amounts: Amounts) -> str:
    return ""


def write_report(report: str) -> None:
    README.write_text(report, encoding="utf-8")
