"""What every section of config.yaml has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Frozen, and no key nobody knows."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
