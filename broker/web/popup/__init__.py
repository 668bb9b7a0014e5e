"""The library for single-page apps: a folder as npm knows it, and its scripts under names that say what is in them.

What was released stays: a version that an app names by its digest goes on being served when there is a newer one, as
`broker-popup.<number>.js` in this folder.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256, sha384
from pathlib import Path

FOLDER = Path(__file__).parent
NEWEST = "broker-popup.js"
BOUND = "broker-dpop.js"
"""Apart, for apps that want their tokens bound to a key: the first has no room for it."""


@dataclass(frozen=True, slots=True)
class Script:
    """One version; `name` is the last segment of its address, `integrity` what an app writes beside it (SRI)."""

    name: str
    body: bytes

    @property
    def integrity(self) -> str:
        """Subresource Integrity 3.1: a browser runs exactly these bytes or nothing."""
        return f"sha384-{b64encode(sha384(self.body).digest()).decode()}"


def load_script(path: Path = FOLDER / NEWEST) -> Script:
    """The script in this file, under its immutable name."""
    body = path.read_bytes()
    return Script(f"{path.name.partition('.')[0]}.{sha256(body).hexdigest()[:16]}.js", body)


def load_all() -> Mapping[str, Script]:
    """Every version there is, by name."""
    return {script.name: script for script in map(load_script, sorted(FOLDER.glob("*.js")))}
