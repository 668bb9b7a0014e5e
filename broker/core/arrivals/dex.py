"""People of Dex, as far as it keeps any: whoever has an offline session or a refresh token.

Dex has no accounts: `sub` is made of the connector and of who somebody is there.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from typing import Any

from broker.core.arrivals.newcomer import Newcomer, Source, Way

Row = Mapping[str, Any]


def read_dex(sessions: Iterable[Row], tokens: Iterable[Row], connectors: Iterable[Row] = ()) -> Source:
    """Everybody, each with one way in; raises KeyError with the name of a column that is not there.

    Rows as in Dex's SQL storage (storage/sql/migrate.go, read 2026-11): `offline_session`, `refresh_token` and
    `connector`. What of an address is proven is what the upstream said, kept in the token.
    """
    claims: dict[tuple[str, str], dict[str, Any]] = {(row["conn_id"], row["user_id"]): {} for row in sessions}
    for row in tokens:
        claims[row["connector_id"], row["claims_user_id"]] = _claims(row)
    people = [
        Newcomer(build_dex_sub(subject, connector), (Way(connector, subject, told),))
        for (connector, subject), told in claims.items()
    ]
    return Source(tuple(people), {row["id"]: row["type"] for row in connectors})


def read_dex_resources(items: Iterable[Row]) -> Source:
    """The same from its objects in Kubernetes, as `kubectl get -o json` lists them (storage/kubernetes/types.go)."""
    sessions, tokens, connectors = [], [], []
    for item in items:
        if item.get("kind") == "OfflineSessions":
            sessions.append({"conn_id": item["connID"], "user_id": item["userID"]})
        elif item.get("kind") == "RefreshToken":
            told = {
                "connector_id": item["connectorID"],
                "claims_user_id": item["claims"]["userID"],
                "claims_username": item["claims"].get("username"),
                "claims_email": item["claims"].get("email"),
                "claims_email_verified": item["claims"].get("emailVerified"),
            }
            tokens.append(told)
        elif item.get("kind") == "Connector":
            connectors.append({"id": item["id"], "type": item["type"]})
    return read_dex(sessions, tokens, connectors)


def build_dex_sub(user_id: str, connector: str) -> str:
    """The `sub` that Dex's clients know: a protocol buffer of both (server/internal/types.proto), in base64url."""
    body = b"".join(
        bytes([tag]) + _varint(len(text)) + text
        for tag, text in ((0x0A, user_id.encode()), (0x12, connector.encode()))
        if text
    )
    return urlsafe_b64encode(body).rstrip(b"=").decode()


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def _claims(row: Row) -> dict[str, Any]:
    told = {"name": row.get("claims_username"), "email": row.get("claims_email")}
    found: dict[str, Any] = {name: text for name, text in told.items() if text}
    return found | {"email_verified": bool(row.get("claims_email_verified"))} if "email" in found else found
