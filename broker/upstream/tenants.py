"""Issuers that are many: one with `{tenantid}` in it stands for one of each tenant, whose id is a GUID (Entra)."""

from __future__ import annotations

import re
from typing import Final

TENANT: Final = "{tenantid}"
_GUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_ID: Final = re.compile(_GUID)


def is_tenant(text: str) -> bool:
    """Whether it is the id of a tenant: a GUID in lower case, so that nothing else gets into an address."""
    return _ID.fullmatch(text) is not None


def names(issuer: str, spelt: str) -> bool:
    """Whether an issuer that somebody names is `spelt`, or one of its tenants."""
    return issuer == spelt or re.fullmatch(re.escape(spelt).replace(re.escape(TENANT), _GUID), issuer) is not None
