"""Names and pictures from the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path


def localised(text: str | Mapping[str, str]) -> Mapping[str, str]:
    """One text per language."""
    return {"en": text, "ru": text} if isinstance(text, str) else dict(text)


def logo_name(client_id: str, path: str | None) -> str:
    """A static file name of our own making; nothing of the operator's path is shown."""
    if not path:
        return ""
    return f"logo-{sha256(client_id.encode()).hexdigest()[:12]}{Path(path).suffix.lower()}"
