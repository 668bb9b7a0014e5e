"""Clients that register themselves (RFC 7591) and look after their own entry (RFC 7592)."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hmac import compare_digest
from typing import Any
from urllib.parse import urlsplit

from broker.core.clients.client import Client
from broker.core.clients.metadata import Metadata
from broker.core.clients.registered import (
    REGISTERED_PREFIX,
    SECRET_METHODS,
    RegisteredClient,
    RegistrationRules,
    build_registered,
    folded_names,
)
from broker.core.clients.registration import complete, parse_metadata
from broker.core.errors import (
    ClientSwitchedOff,
    FetchFailed,
    InvalidClientMetadata,
    InvalidToken,
    RegistrationFull,
    SealBroken,
)
from broker.core.events import Event
from broker.core.seal import Seal, digest
from broker.core.wire.strict_json import Malformed, parse_json
from broker.services.clients.kept import Kept
from broker.services.context import Context, Outbound
from broker.services.switches import Off, tell_app
from broker.store.clients import ClientStore

_MAX_LOGO = 32 * 1024  # bytes; it is read with its entry and stands in the page
_PICTURES = {"png": rb"\x89PNG\r\n\x1a\n", "jpeg": rb"\xff\xd8\xff", "gif": rb"GIF8[79]a", "webp": rb"RIFF....WEBP"}
"""By what a file begins with; whatever else it calls itself, and what could run, is no picture."""
_RESERVED = ("registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at")


@dataclass(frozen=True, slots=True)
class RegistrationPolicy:
    """`token_digests`: of the initial access tokens, SHA-256 in hexadecimal. `max_clients`: more are refused."""

    token_digests: tuple[str, ...]
    max_clients: int
    rules: RegistrationRules


class Registrations:
    """Makes, finds, changes and deletes entries. An entry's own token opens that entry and no other."""

    def __init__(
        self,
        context: Context,
        clients: ClientStore,
        outbound: Outbound,
        *,
        seal: Seal,
        policy: RegistrationPolicy,
        kept: Kept | None = None,
        off: Off | None = None,
    ) -> None:
        """`seal` has the purpose "registered client". `kept`: operators' own clients, whose names nobody may take.

        `off`: what operators have switched off.
        """
        self._off = off or Off()
        self._kept = kept or Kept()
        self._context = context
        self._clients = clients
        self._outbound = outbound
        self._seal = seal
        self._policy = policy

    async def find(self, client_id: str) -> Client | None:
        """The client of this id, or None. One store read."""
        record = await self._load(client_id)
        return None if record is None else self._build(record)

    async def register(self, initial_token: str, sent: Mapping[str, Any]) -> dict[str, Any]:
        """A new entry and the tokens that come with it; raises InvalidToken, InvalidClientMetadata and their like."""
        presented = digest(initial_token)
        known = [compare_digest(presented, kept) for kept in self._policy.token_digests]
        if not initial_token or not any(known):
            raise InvalidToken("registration needs an initial access token; ask the operator for one")
        metadata = complete(parse_metadata(sent), self._rules())
        client_id = self._context.mint(REGISTERED_PREFIX, size=16)
        token, secret = self._mint_token(), self._mint_secret(metadata)
        record = RegisteredClient(
            client_id=client_id,
            metadata=metadata,
            secret=self._seal_secret(client_id, secret),
            token_digest=digest(token),
            sector=await self._read_sector(metadata),
            created_at=self._context.now(),
            logo=await self._read_logo(metadata),
        )
        if not await self._clients.add(record, limit=self._policy.max_clients):
            raise RegistrationFull("as many clients as the operator allows have registered; ask the operator")
        await self._record(Event.CLIENT_REGISTERED, record)
        return self._describe(record, secret, token)

    async def read(self, client_id: str, token: str) -> dict[str, Any]:
        """The entry; raises InvalidToken (RFC 7592 section 2.1)."""
        record = await self._open(client_id, token)
        return self._describe(record, self._open_secret(record), token)

    async def update(self, client_id: str, token: str, sent: Mapping[str, Any]) -> dict[str, Any]:
        """The entry as it is from now on, with a new token; the old one is dead (RFC 7592 section 2.2)."""
        before = await self._open(client_id, token)
        secret = self._open_secret(before)
        self._check_update(sent, client_id, secret)
        metadata = complete(parse_metadata(sent), self._rules())
        kept_secret = (secret or self._mint_secret(metadata)) if _has_secret(metadata) else ""
        fresh = self._mint_token()
        after = before.replace(
            metadata=metadata,
            secret=self._seal_secret(client_id, kept_secret),
            token_digest=digest(fresh),
            sector=await self._read_sector(metadata),
            logo=await self._read_logo(metadata),
        )
        if not await self._clients.replace(after, replacing=before.token_digest):
            raise InvalidToken("the registration access token was used for another change meanwhile")
        await self._record(Event.CLIENT_UPDATED, after)
        return self._describe(after, kept_secret, fresh)

    async def delete(self, client_id: str, token: str) -> None:
        """No such client any more, and no token of it works (RFC 7592 section 2.3)."""
        await self._open(client_id, token)
        await self._clients.delete(client_id)
        self._context.recorder.record(Event.CLIENT_DELETED, client_id=client_id)

    async def _record(self, event: Event, record: RegisteredClient) -> None:
        """With another entry of the same name, if there is one: whose copy it is, the operator has to judge."""
        names = folded_names(record.metadata)
        namesake = await self._clients.namesake(names, of=record.client_id) if names else None
        about = {"namesake": namesake} if namesake is not None else {}
        self._context.recorder.record(event, client_id=record.client_id, **about)

    async def _load(self, client_id: str) -> RegisteredClient | None:
        return await self._clients.find(client_id) if client_id.startswith(REGISTERED_PREFIX) else None

    async def _open(self, client_id: str, token: str) -> RegisteredClient:
        """One answer for every reason: nobody learns which entries there are. Raises ClientSwitchedOff, too."""
        record = await self._load(client_id)
        if record is None or not token or not compare_digest(digest(token), record.token_digest):
            raise InvalidToken("the registration access token does not open this entry")
        if (switch := self._off.clients.get(client_id)) is not None:
            raise ClientSwitchedOff(f"{client_id} is switched off", public=tell_app(switch))
        return record

    def _build(self, record: RegisteredClient) -> Client:
        return build_registered(record, self._open_secret(record), self._policy.rules)

    def _rules(self) -> RegistrationRules:
        """The operator's, as of now: names of apps made meanwhile are taken, too."""
        rules = self._policy.rules
        return replace(rules, reserved_names=rules.reserved_names | self._kept.names)

    def _mint_token(self) -> str:
        return self._context.mint("ra_")

    def _mint_secret(self, metadata: Metadata) -> str:
        return self._context.mint() if _has_secret(metadata) else ""

    def _seal_secret(self, client_id: str, secret: str) -> str:
        return self._seal.seal(secret.encode(), bound_to=client_id.encode()) if secret else ""

    def _open_secret(self, record: RegisteredClient) -> str:
        if not record.secret:
            return ""
        try:
            return self._seal.open_(record.secret, bound_to=record.client_id.encode()).decode()
        except SealBroken:
            return ""  # sealed with a master key that is gone: the client cannot prove itself, and is told so

    @staticmethod
    def _check_update(sent: Mapping[str, Any], client_id: str, secret: str) -> None:
        """An update is a whole entry, and speaks of this client (RFC 7592 section 2.2)."""
        if sent.get("client_id") != client_id:
            raise InvalidClientMetadata("client_id must be the one of this entry")
        if any(name in sent for name in _RESERVED):
            raise InvalidClientMetadata(f"an update does not hold {', '.join(_RESERVED)}")
        if "client_secret" in sent and (not secret or sent["client_secret"] != secret):
            raise InvalidClientMetadata("client_secret must be the one of this entry, or left out")

    async def _read_sector(self, metadata: Metadata) -> str:
        """The host of sector_identifier_uri, once its document names every redirect URI (OIDC Registration 5)."""
        uri = metadata.get("sector_identifier_uri")
        if uri is None:
            return ""
        try:
            listed = parse_json(await self._outbound.fetch(uri))
        except (FetchFailed, Malformed) as problem:
            text = "sector_identifier_uri could not be read as JSON"
            raise InvalidClientMetadata(text, detail=str(problem)) from None
        if not isinstance(listed, list) or not all(uri in listed for uri in metadata.get("redirect_uris", [])):
            raise InvalidClientMetadata("sector_identifier_uri must be a JSON list with every one of redirect_uris")
        return urlsplit(uri).hostname or ""

    async def _read_logo(self, metadata: Metadata) -> str:
        """The picture at logo_uri, fetched once and kept; "" where there is none that could be shown.

        An app whose picture cannot be had just now registers all the same, and is shown without one.
        """
        uri = metadata.get("logo_uri")
        if uri is None:
            return ""
        try:
            body = await self._outbound.fetch(uri, accept="image/*", limit=_MAX_LOGO)
        except FetchFailed:
            return ""  # told as every call to an app's URL is
        kind = next((kind for kind, mark in _PICTURES.items() if re.match(mark, body, re.DOTALL)), "")
        return f"data:image/{kind};base64,{b64encode(body).decode()}" if kind else ""

    def _describe(self, record: RegisteredClient, secret: str, token: str) -> dict[str, Any]:
        """The client information response (RFC 7591 section 3.2.1)."""
        said = {
            "client_id": record.client_id,
            "client_id_issued_at": record.created_at,
            "registration_access_token": token,
            "registration_client_uri": f"{self._context.issuer}/register/{record.client_id}",
        }
        proof = {"client_secret": secret, "client_secret_expires_at": 0} if secret else {}
        return {**record.metadata, **said, **proof}


def _has_secret(metadata: Metadata) -> bool:
    return metadata["token_endpoint_auth_method"] in SECRET_METHODS
