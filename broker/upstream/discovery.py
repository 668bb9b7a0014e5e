"""What an issuer says of itself (OIDC Discovery 4): fetched when needed, checked, kept, and believed for a day."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from pydantic import AfterValidator

from broker.core.errors import UpstreamError, UpstreamInvalid, UpstreamUnavailable
from broker.core.events import Event, Recorder
from broker.core.wire.addresses import is_loopback_host
from broker.upstream.fields import Fields
from broker.upstream.kept import Kept, Times
from broker.upstream.keyset import CacheableHttp

MIN_AGE, MAX_AGE = 5 * 60, 24 * 3600  # seconds: however the issuer caches, we ask at least daily, not more than that
HARD_LIMIT = 24 * 3600  # seconds: a document that cannot be confirmed for this long is no longer believed
COOL_DOWN, FIRST_COOL_DOWN = 30.0, 5.0  # seconds after a failure: the issuer is not asked again; nothing is kept yet
_TIMES = Times(COOL_DOWN, FIRST_COOL_DOWN, HARD_LIMIT)
_WELL_KNOWN = "/.well-known/openid-configuration"
_URL = re.compile(r"((https?)://([a-z0-9.\-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?)((?:/[\x21-\x7e]*)?)")
_NAMES_LIMIT = 100
_BY_CERTIFICATE = frozenset(
    {"token_endpoint", "userinfo_endpoint", "revocation_endpoint", "pushed_authorization_request_endpoint"}
)


def check_address(value: str) -> str:
    """The address as it is; raises ValueError for anything but https with a host, or http on this machine."""
    found = _URL.fullmatch(value)
    if found is None or (found[2] == "http" and not is_loopback_host(found[3])) or set("#\\") & set(found[4]):
        raise ValueError("write https://host/path, the host in lower case; http is for this machine only")
    return value


def _issuer(value: str) -> str:
    if "?" in value or value.endswith(_WELL_KNOWN):
        raise ValueError("an issuer has no query, and the path of its discovery document is not part of it")
    return value


Address = Annotated[str, AfterValidator(check_address)]
IssuerAddress = Annotated[str, AfterValidator(check_address), AfterValidator(_issuer)]


@dataclass(frozen=True, slots=True)
class Metadata:
    """Where an upstream answers and what it understands (OIDC Discovery 3); empty where it does not say.

    `answers_with_iss`: every authorization response carries `iss` (RFC 9207 section 3). `demands_pushed`: requests that
    were not pushed are refused (RFC 9126 section 5). The endpoints for that, for the end of a session and for tokens
    that are given back are empty as well where they are at an origin that the operator did not name: most logins do not
    depend on them.
    """

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str = ""
    userinfo_endpoint: str = ""
    auth_methods: tuple[str, ...] = ()
    challenge_methods: tuple[str, ...] = ()
    algorithms: tuple[str, ...] = ()
    answers_with_iss: bool = False
    end_session_endpoint: str = ""
    revocation_endpoint: str = ""
    pushed_authorization_request_endpoint: str = ""
    demands_pushed: bool = False
    issuer: str = ""


@dataclass(frozen=True, slots=True)
class DiscoveryRules:
    """Where the document lies and what it may say.

    `issuer`: what it must call itself, byte for byte, or by one of the `aliases`. `url`: where it lies, "" for the
    well-known place. `origins`: where endpoints may be besides the issuer's own origin. `by_certificate`: we are known
    by a client certificate, for which endpoints may have other addresses (RFC 8705 section 5). `keys_only`: it says who
    signs and with which keys, and nothing of logins (OpenID RISC Profile, transmitter configuration); then `issuer` of
    the metadata is the spelling that it has.
    """

    issuer: str
    url: str = ""
    origins: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    by_certificate: bool = False
    keys_only: bool = False

    @property
    def address(self) -> str:
        """The URL of the document (OIDC Discovery 4.1)."""
        return self.url or self.issuer.removesuffix("/") + _WELL_KNOWN


class Discovery:
    """The metadata of the issuers that one provider instance is configured with."""

    def __init__(self, http: CacheableHttp, *, name: str, recorder: Recorder, clock: Callable[[], float]) -> None:
        """`name` of the instance, for events; `clock` gives monotonic seconds."""
        self._http, self._name = http, name
        self._recorder, self._clock = recorder, clock
        self._documents: dict[DiscoveryRules, Kept[Metadata]] = {}
        self._problems: dict[DiscoveryRules, str] = {}

    async def metadata(self, rules: DiscoveryRules) -> Metadata:
        """The checked metadata; raises UpstreamUnavailable where none can be had or none that keeps the rules."""
        document = self._documents.get(rules)
        if document is None:
            document = self._documents[rules] = Kept(partial(self._fetch, rules), _TIMES, clock=self._clock)
        metadata = await document.get()
        if metadata is None:
            raise UpstreamUnavailable(f"no discovery document: {self._problems[rules]}")
        return metadata

    async def _fetch(self, rules: DiscoveryRules) -> tuple[Metadata, float] | None:
        spare = self._documents[rules].value is not None
        try:
            answer, max_age = await self._http.get_cacheable(rules.address, spare=spare)
            metadata = read_metadata(answer, rules)
        except UpstreamError as error:
            self._problems[rules] = error.detail
            self._note(outcome=type(error).__name__, reason=error.detail)
            return None
        self._note(outcome="fetched")
        return metadata, min(max(max_age or 0, MIN_AGE), MAX_AGE)

    def _note(self, **told: str) -> None:
        self._recorder.record(Event.UPSTREAM_DISCOVERY, provider=self._name, **told)


def read_metadata(document: Fields, rules: DiscoveryRules) -> Metadata:
    """The metadata in a document; raises UpstreamInvalid for one that breaks the rules (OIDC Discovery 3, 4.3)."""
    if document.text("issuer") not in (rules.issuer, *rules.aliases):
        raise UpstreamInvalid("the document is of another issuer than the configured one")
    if rules.keys_only:
        return Metadata("", "", jwks_uri=_endpoint(document, "jwks_uri", rules), issuer=document.text("issuer"))
    userinfo = "userinfo_endpoint"
    return Metadata(
        authorization_endpoint=_endpoint(document, "authorization_endpoint", rules),
        token_endpoint=_endpoint(document, "token_endpoint", rules),
        jwks_uri=_endpoint(document, "jwks_uri", rules),
        userinfo_endpoint=_endpoint(document, userinfo, rules) if document.maybe(userinfo) else "",
        auth_methods=_names(document, "token_endpoint_auth_methods_supported"),
        challenge_methods=_names(document, "code_challenge_methods_supported"),
        algorithms=_names(document, "id_token_signing_alg_values_supported"),
        answers_with_iss=document.flag("authorization_response_iss_parameter_supported") is True,
        end_session_endpoint=_offered(document, "end_session_endpoint", rules),
        revocation_endpoint=_offered(document, "revocation_endpoint", rules),
        pushed_authorization_request_endpoint=_offered(document, "pushed_authorization_request_endpoint", rules),
        demands_pushed=document.flag("require_pushed_authorization_requests") is True,
        issuer=rules.issuer,
    )


def _offered(document: Fields, name: str, rules: DiscoveryRules) -> str:
    try:
        return _endpoint(document, name, rules)
    except UpstreamInvalid:
        return ""


def _endpoint(document: Fields, name: str, rules: DiscoveryRules) -> str:
    """An address at the issuer's origin or one the operator named: a document that was tampered with leads nowhere."""
    aliased = rules.by_certificate and name in _BY_CERTIFICATE
    aliases = document.shown_object("mtls_endpoint_aliases") if aliased else document
    url = (aliases if name in aliases else document).text(name)
    found, home = _URL.fullmatch(url), _URL.fullmatch(rules.issuer)
    if found is None or set("#\\") & set(found[4]):
        raise UpstreamInvalid(f"{name} is no https address")
    if home is None or found[1] not in (home[1], *rules.origins):
        raise UpstreamInvalid(f"{name} is at {found[1]:.200}: neither the issuer's origin nor one of endpoint_origins")
    return url


def _names(document: Fields, name: str) -> tuple[str, ...]:
    listed = document.raw(name)
    if listed is None:
        return ()
    if not isinstance(listed, list) or len(listed) > _NAMES_LIMIT:
        raise UpstreamInvalid(f"{name} is no list, or too long")
    return tuple(one for one in listed if isinstance(one, str))
