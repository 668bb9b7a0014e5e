"""docs/reference/emulators.md, from what every emulator says about itself."""

from __future__ import annotations

from collections.abc import Iterator

from broker.demo.faults import FAULTS, TRANSPORT
from broker.demo.rules import BASES
from broker.demo.upstreams import EMULATORS


def build_page(note: str) -> str:
    """The page; `note` says who wrote it."""
    bases = ", ".join(f"`{basis}`: {about}" for basis, about in BASES.items())
    parts = [
        "# Emulated upstreams",
        note,
        "`broker demo`, `broker emulate` and `broker.testing` run these services on your own machine; the demo those of"
        " enabled providers, with `--all` every one. [How to use them](../how-to/test-your-sign-in.md): what to"
        " install, people, the control API. Paths, parameter names, errors and oddities are those of the real services;"
        " the broker's providers differ from production by two base URLs only. Every page carries a ribbon that says"
        " EMULATOR.",
        "**Anybody can sign in as anybody. Never put them on a network.**",
        "\n".join(_services()),
        "Not emulated, of the services themselves:",
        "\n".join(_missing()),
        "## Faults",
        "What can be made to go wrong, one by one, at the service itself or by the drawer of its pages.",
        "\n".join(_faults()),
        "## What the rules rest on",
        f"An emulator is a claim about a service, and this says how good the claim is. {bases}. Each tells its own at"
        " `/_emulator/rules`. django-allauth's own adapters for Google, VK, OK, Yandex and GitHub sign in here, in our"
        " tests. Read 2026-11.",
        "\n".join(_rules()),
    ]
    return "\n\n".join(parts) + "\n"


def _services() -> Iterator[str]:
    yield from ("| Service | Type | In the demo | What works |", "|---|---|---|---|")
    for kind, emulator in EMULATORS.items():
        yield f"| {emulator.title} | `{kind}` | `http://127.0.0.1:{emulator.port}` | {emulator.works} |"


def _missing() -> Iterator[str]:
    yield from (f"- {emulator.title}: {emulator.missing}" for emulator in EMULATORS.values() if emulator.missing)


def _faults() -> Iterator[str]:
    yield from ("| Fault | What happens | Where |", "|---|---|---|")
    for fault, (about, _) in FAULTS.items():
        knowing = [kind for kind, one in EMULATORS.items() if fault in (*one.faults_known, *TRANSPORT)]
        yield f"| `{fault}` | {about} | {'all' if len(knowing) == len(EMULATORS) else ', '.join(knowing)} |"


def _rules() -> Iterator[str]:
    yield from ("| Service | Rests on | Rule |", "|---|---|---|")
    for kind, emulator in EMULATORS.items():
        yield from (f"| {kind} | {rule.basis} | {rule.text} |" for rule in emulator.rules)
