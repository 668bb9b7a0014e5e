"""Issuers that tell by signed tokens of what happens to people there (RFC 8417; OpenID RISC Profile 1.0)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import ClassVar, Final

from pydantic import Field

from broker.core.errors import UpstreamInvalid
from broker.core.wire.addresses import origin_of
from broker.upstream.abilities import EVENT_MAX_AGE, Abilities, Heard, Meaning, UpstreamEvent
from broker.upstream.discovery import DiscoveryRules, Metadata
from broker.upstream.fields import Fields, parse_object
from broker.upstream.model import ProviderSettings
from broker.upstream.oidc import OidcProvider
from broker.upstream.statements import ID_LIMIT, StatementRules, check_statement

_RISC: Final = "https://schemas.openid.net/secevent/risc/event-type/"
_OAUTH: Final = "https://schemas.openid.net/secevent/oauth/event-type/"
RISC_EVENTS: Final[Mapping[str, Meaning]] = {
    f"{_RISC}sessions-revoked": Meaning.SESSIONS_OVER,
    f"{_RISC}account-disabled": Meaning.WITHDRAWN,
    f"{_RISC}account-purged": Meaning.GONE,
    f"{_RISC}account-enabled": Meaning.NOTED,
    f"{_RISC}account-credential-change-required": Meaning.NOTED,
    f"{_RISC}verification": Meaning.NOTED,
    f"{_OAUTH}tokens-revoked": Meaning.WITHDRAWN,
    f"{_OAUTH}token-revoked": Meaning.NOTED,
}
"""OpenID RISC Profile 1.0 section 2, the last two of developers.google.com/identity/protocols/risc (read 2026-11)."""
_BY_SUBJECT = frozenset({"iss-sub", "iss_sub", "id_token_claims"})
_OTHER, _WHAT = "other", "event"


class EventSettings(ProviderSettings):
    """Settings of an upstream that tells of what happens to people there."""

    events: bool = Field(
        default=False,
        description="Hear at /events/<name> that somebody left the upstream, took their consent back, was disabled:"
        " sessions, grants and links end as each demands",
    )


class EventTokenProvider(OidcProvider):
    """Hears events that the issuer signs as it signs ID tokens, where the settings have `events`.

    `event_kinds`: what those that it tells of mean; what is not among them is noted. `event_marks`: raw ids that others
    change, None takes one away. `events_described_at`: the document that says how the issuer spells itself here and
    where the keys are, at the origin of those of ID tokens; "": all as for ID tokens. `events_expire`: their `exp`
    counts. `event_member` of a JSON object is the token, "": the body is. `event_status`: what it wants to be answered.
    """

    event_kinds: ClassVar[Mapping[str, Meaning]] = RISC_EVENTS
    event_marks: ClassVar[Mapping[str, Mapping[str, str | None]]] = {}
    events_described_at: ClassVar[str] = ""
    events_expire: ClassVar[bool] = False
    event_member: ClassVar[str] = ""  # RFC 8935 section 2.1
    event_status: ClassVar[int] = 202  # RFC 8935 section 2.2

    def abilities(self) -> Abilities:
        """With events, where they are switched on."""
        return replace(super().abilities(), hears=_EventTokens(self) if self.settings.events else None)

    async def event_metadata(self) -> Metadata:
        """Who signs events, and with which keys; raises UpstreamUnavailable."""
        if not self.events_described_at:
            return await self.metadata()
        spellings = tuple(f"{issuer}{end}" for issuer in self.issuers for end in ("", "/"))
        rules = DiscoveryRules(
            self.issuers[0], self.events_described_at, (origin_of(self.jwks_uri),), spellings, keys_only=True
        )
        return await self.tools.metadata(rules)

    def read_events(self, claims: Fields) -> Iterable[UpstreamEvent]:
        """What a verified token tells: by default as RFC 8417 section 2.2 and the RISC profile have it."""
        events = claims.sub("events")
        for name in events:
            subject = events.sub(name).shown_object("subject")
            yield self.event(name, self._who(subject))

    def event(self, name: str, subject: str) -> UpstreamEvent:
        """An event by the upstream's own name, about this person; about nobody that we could know it is noted.

        Raises UpstreamInvalid where it makes no sense about nobody.
        """
        marks = self.event_marks.get(name, {})
        meaning = Meaning.MARKED if marks else self.event_kinds.get(name, Meaning.NOTED)
        if meaning is Meaning.GONE and not subject:
            raise UpstreamInvalid("event: an account is gone, and nobody is named")
        kind = name.rpartition("/")[2] if marks or name in self.event_kinds else _OTHER
        return UpstreamEvent(kind, meaning if subject else Meaning.NOTED, subject, marks)

    def _who(self, subject: Fields) -> str:
        """The `sub` of this issuer that is named, "" where something else is: an address is nobody."""
        form = subject.shown("subject_type") or subject.shown("format")
        if form not in _BY_SUBJECT or "sub" not in subject:
            return ""
        if subject.text("iss").removesuffix("/") not in self.issuers:
            raise UpstreamInvalid("event: it is about a person of another issuer")
        who = subject.text("sub")
        return who if len(who) <= ID_LIMIT else ""


class _EventTokens:
    """HearsEvents."""

    def __init__(self, provider: EventTokenProvider) -> None:
        self._provider = provider
        self.status = provider.event_status

    async def hear(self, body: bytes) -> Heard:
        provider = self._provider
        token = _unwrap(body, provider.event_member)
        metadata = await provider.event_metadata()
        claims = await provider.tools.jwt.verify_event(
            token, jwks_uri=metadata.jwks_uri, algorithms=provider.algorithms_at(metadata)
        )
        ours = provider.settings
        rules = StatementRules(
            what=_WHAT,
            issuers=(metadata.issuer,) if provider.events_described_at else provider.issuers,
            audiences=(ours.client_id, *getattr(ours, "native_client_ids", ())),
            max_age=EVENT_MAX_AGE,
            skew=provider.skew,
            without_expiry=EVENT_MAX_AGE if provider.events_expire else None,
        )
        jti = check_statement(claims, rules, now=provider.tools.now())
        return Heard(tuple(provider.read_events(claims)), jti)


def _unwrap(body: bytes, member: str) -> str:
    """The token in the body of a request; raises UpstreamInvalid."""
    if member:
        return Fields(parse_object(body, _WHAT), _WHAT).text(member)
    return body.decode("ascii", "replace").strip()
