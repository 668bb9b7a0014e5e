"""A section of config.yaml for a new provider: what its type has to be told, and nothing that it knows by itself."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from broker.cli.alone import Nobody
from broker.config.load import load_text
from broker.registry import settings_class
from broker.upstream.discovery import DiscoveryRules, Metadata, read_metadata
from broker.upstream.http import HttpPool
from broker.upstream.lend import lend

if TYPE_CHECKING:
    from broker.upstream.fields import Fields

_AROUND: Final = """\
version: 1
issuer: https://id.example.com
providers:
{section}    enabled: false
  another-one: {{ type: google, client_id: "1", client_secret: of-nobody-who-would-sign-in-by-this-section }}
clients:
  shop: {{ name: Shop, redirect_uris: [https://shop.example.com/callback], auth_method: none }}
"""
_SKELETON: Final = """\
    scopes: [profile] # what it calls the right to the profile
    authorize: { url: https://acme.example/oauth/authorize } # for browsers; pkce: off, if it refuses a challenge
    token: { url: https://api.acme.example/oauth/token }
    userinfo:
      - { url: https://api.acme.example/me } # says who it is; the answer is called `me`
    claims:
      sub: me.id # the id that it never changes and gives to nobody else; no address and no login name
      name: me.name
      email: me.email # unverified, unless email_verified names the service's own word on it
"""
_SIGNED: Final = """\
    request_token_url: https://acme.example/oauth/request_token
    authorize_url: https://acme.example/oauth/authorize
    access_token_url: https://acme.example/oauth/access_token
    userinfo:
      - { name: me, url: https://api.acme.example/me } # a signed call that says who it is
    claims: { sub: me.id, name: me.name } # sub: the id that it never changes and gives to nobody else
"""
_NOBODY: Final = {"type": "oidc", "client_id": "new", "client_secret": "of-nobody-who-would-sign-in-by-this"}
_FILLED_IN: Final[Mapping[str, str]] = {"oauth2": _SKELETON, "oauth1": _SIGNED}


@dataclass(frozen=True, slots=True)
class NewProvider:
    """What is asked for: `name` in config.yaml, and the issuer, "" where the type knows its own."""

    kind: str
    name: str
    issuer: str = ""

    def section(self, lines: Iterator[str], callback: str) -> str:
        """Its lines of YAML. Raises ConfigError where `broker check` would."""
        head = f"  {self.name}: # register {callback}/callback/{self.name} there\n    type: {self.kind}\n"
        text = head + "".join(f"    {line}\n" for line in (*self._asked(), *lines)) + _FILLED_IN.get(self.kind, "")
        load_text(_AROUND.format(section=text), "the new section", settings_class, environ={}, base=Path())
        return text

    def _asked(self) -> Iterator[str]:
        """What every operator has to say, with what it is."""
        described = _FILLED_IN.get(self.kind, "")
        for name, field in settings_class(self.kind).model_fields.items():
            known = name in {"type", "issuer"} or f"    {name}:" in described
            if not known and (field.is_required() or name == "client_secret"):
                yield f"{name}: ${{{self.name.upper().replace('-', '_')}_{name.upper()}}} # {field.description}"


async def read_issuer(issuer: str) -> Iterator[str]:
    """What the issuer's document says of it, as lines for `type: oidc`.

    Raises UpstreamError without a good one, ValueError for an address that no issuer may have.
    """
    settings = settings_class("oidc").model_validate(_NOBODY | {"issuer": issuer})
    pool = await HttpPool.open()
    try:
        rules = DiscoveryRules(issuer)
        document = await lend(pool, "new", settings, recorder=Nobody()).http.get_json(rules.address)
        origins = tuple(sorted(_origins(document) - {_origin(issuer)}))
        metadata = read_metadata(document, DiscoveryRules(issuer, origins=origins))
    finally:
        await pool.close()
    return _lines(issuer, origins, document, metadata)


def _lines(issuer: str, origins: tuple[str, ...], document: Fields, metadata: Metadata) -> Iterator[str]:
    yield f"issuer: {_quoted(issuer)}"
    if origins:
        yield f"endpoint_origins: {_quoted(list(origins))} # its endpoints are there; make sure that these are its own"
    listed = document.raw("scopes_supported")
    scopes = [one for one in ("openid", "profile", "email") if not isinstance(listed, list) or one in listed]
    yield f"scopes: {_quoted(scopes if 'openid' in scopes else ['openid', *scopes])} # of those that it lists"
    if "S256" in metadata.challenge_methods:
        yield "pkce: required # it lists S256"
    if not metadata.userinfo_endpoint:
        yield "userinfo: false # it has none"


def _origins(document: Fields) -> set[str]:
    names = ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint")
    return {_origin(url) for url in map(document.maybe, names) if url}


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _quoted(value: object) -> str:
    """As JSON, which YAML reads the same."""
    return json.dumps(value, ensure_ascii=False)
