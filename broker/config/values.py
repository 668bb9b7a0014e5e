"""Kinds of values in config.yaml: durations, sizes, rates, addresses. Every refusal says what to write instead.

No message repeats the value: the line is named, and a value put under the wrong key may be a secret.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    WithJsonSchema,
)

from broker.core.clients.display_name import check_display_name
from broker.core.terms import AuthMethod, Scope
from broker.core.tokens.audience import check_resource_uri
from broker.core.wire.addresses import check_redirect_uri, check_told_uri, is_loopback_host

_DURATION = re.compile(r"([0-9]{1,9})(s|m|h|d)")
_SIZE = re.compile(r"([0-9]{1,9})(B|KiB|MiB)")
_RATE = re.compile(r"([0-9]{1,9})/([1-9][0-9]{0,3})?(s|min|h)")
_LISTEN = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.\-]+):([0-9]{1,5})|unix:/.+")
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_BYTES = {"B": 1, "KiB": 1024, "MiB": 1024 * 1024}
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_SECRET_HASH = re.compile(r"sha256:[0-9a-f]{64}")
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_HOST = re.compile(r"[a-z0-9]([a-z0-9.\-]{0,251}[a-z0-9])?")
_HOST_TEXT = re.compile(r"([a-z0-9]([a-z0-9.\-]{0,251}[a-z0-9])?|\[[0-9a-f:]+\])(:[0-9]{1,5})?")
_URL_TEXT = re.compile(r"[!-~]+")
_SERVICE_SCOPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/\-]{0,99}")
_MASTER_BYTES = 32
_METHODS = ("client_secret", *AuthMethod)


def parse_duration(value: object) -> int:
    """Seconds from `90s`, `15m`, `12h` or `30d`; a bare number hides its unit and is refused."""
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("write a duration with its unit: 90s, 15m, 12h or 30d")
    return int(found[1]) * _SECONDS[found[2]]


def parse_size(value: object) -> int:
    """Bytes from `64KiB`, `1MiB` or `512B`."""
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("write a size with its unit: 512B, 64KiB or 1MiB")
    return int(found[1]) * _BYTES[found[2]]


def parse_rate(value: object) -> tuple[int, int]:
    """(number, seconds) from `30/min`, `5/s`, `100/h` or `10/15min`."""
    found = _RATE.fullmatch(value) if isinstance(value, str) else None
    if found is None or int(found[1]) == 0:
        raise ValueError("write a rate as 5/s, 30/min, 100/h or 10/15min")
    return int(found[1]), int(found[2] or 1) * _SECONDS[found[3]]


def check_issuer(value: str) -> str:
    """The issuer itself when it is one exact spelling of a URL (OIDC Discovery 3, RFC 8414 section 2)."""
    parts = _web(value)
    if parts.query or parts.fragment or "?" in value or "#" in value:
        raise ValueError("an issuer has no query and no fragment (RFC 8414 section 2)")
    if value.endswith("/"):
        raise ValueError("write the issuer without a slash at its end: it is compared letter by letter")
    if "//" in parts.path or any(step in {".", ".."} for step in parts.path.split("/")) or "%" in value:
        raise ValueError("an issuer's path has no dots, double slashes or percent signs")
    return value


def check_web_url(value: str) -> str:
    """An absolute https URL; http only for this machine. Empty text stands for none."""
    if value:
        _web(value)
    return value


def check_origin(value: str) -> str:
    """A web origin as a browser writes it: scheme, host and port, nothing after (RFC 6454 section 6.2)."""
    parts = _web(value)
    if parts.path or parts.query or parts.fragment or value != f"{parts.scheme}://{parts.netloc}":
        raise ValueError("an origin is scheme://host or scheme://host:port, without a path or a slash at the end")
    return value


def check_support(value: str) -> str:
    """A web URL or `mailto:` with an address; empty text stands for none."""
    if value.startswith("mailto:"):
        if not re.fullmatch(r"mailto:[^@\s?]+@[^@\s?]+", value):
            raise ValueError("write mailto:help@example.com")
        return value
    return check_web_url(value)


def check_listen(value: str) -> str:
    """`host:port` or `unix:/path`."""
    found = _LISTEN.fullmatch(value)
    if found is None or (found[2] is not None and int(found[2]) > 65535):
        raise ValueError("write host:port (0.0.0.0:8080, [::]:8080) or unix:/path")
    return value


def check_host_text(value: str) -> str:
    """A host as it stands in a Host header."""
    if not _HOST_TEXT.fullmatch(value):
        raise ValueError("write a host as it is called by, in lower case, with its port: admin.internal:9400")
    return value


def check_network(value: str) -> str:
    """An address or a network in CIDR form."""
    try:
        ip_network(value)
    except ValueError:
        raise ValueError("write a network such as 10.0.0.0/8 or an address such as 127.0.0.1") from None
    return value


def check_secret_hash(value: str) -> str:
    """The SHA-256 of a secret of ours, as `broker client add` prints it."""
    if not _SECRET_HASH.fullmatch(value):
        raise ValueError("write sha256: and 64 hexadecimal digits in lower case; `broker client add` makes one")
    return value


def check_colour(value: str) -> str:
    """A colour in hexadecimal."""
    if not _COLOUR.fullmatch(value):
        raise ValueError('write a colour as "#2563eb", in quotes: without them the # begins a comment')
    return value


def check_host(value: str) -> str:
    """A host name as it stands in a URL."""
    if not _HOST.fullmatch(value):
        raise ValueError("write a host name in lower case, without https:// and port: example.com")
    return value


def check_localised(value: object) -> object:
    """Text, or a text per language code."""
    texts = value if isinstance(value, Mapping) else {"en": value}
    for language, text in texts.items():
        if not isinstance(language, str) or not _LANGUAGE.fullmatch(language):
            raise ValueError("write text, or one text per language: {en: Shop, ru: Магазин}")
        if not isinstance(text, str):
            raise ValueError("write text of 1 to 200 characters, or one per language: {en: Shop, ru: Магазин}")
        check_display_name(text)
    if not texts:
        raise ValueError("write at least one language")
    return value


def check_service_scope(value: str) -> str:
    """A scope of the operator's own making, never one that is about people."""
    if not _SERVICE_SCOPE.fullmatch(value):
        raise ValueError("a scope is up to 100 of A-Z, a-z, 0-9, '.', '_', ':', '/' and '-', as orders:read")
    if value in set(Scope):
        raise ValueError("is about people, and client_credentials gives nothing about people (RFC 9700 section 4.15)")
    return value


def _known_method(value: object) -> object:
    if value not in _METHODS:
        raise ValueError(f"write {', '.join(_METHODS[:-1])} or {_METHODS[-1]}")
    return value


def parse_master_key(value: SecretStr) -> bytes:
    """The 32 bytes of a master key from base64, either alphabet; raises ValueError."""
    text = value.get_secret_value().translate(str.maketrans("-_", "+/"))
    try:
        key = b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (Base64Error, ValueError):
        key = b""
    if len(key) != _MASTER_BYTES or len(set(key)) < 12:
        raise ValueError("a master key is 32 random bytes in base64; make one with `openssl rand -base64 32`")
    return key


def _master_key(value: SecretStr) -> SecretStr:
    parse_master_key(value)
    return value


def _web(value: str) -> SplitResult:
    if not _URL_TEXT.fullmatch(value) or "\\" in value:
        raise ValueError("write a URL in ASCII, without spaces or backslashes")
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise ValueError("write a complete URL: https://id.example.com") from None
    if parts.scheme not in {"https", "http"} or not parts.hostname or not value.startswith(f"{parts.scheme}://"):
        raise ValueError("write a complete URL that begins with https://")
    if "@" in parts.netloc or parts.netloc != parts.netloc.lower() or parts.netloc.endswith(":"):
        raise ValueError("write the host in lower case, without user name or empty port")
    if port == {"https": 443, "http": 80}[parts.scheme]:
        raise ValueError("leave the default port out: the URL is compared letter by letter")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if parts.scheme == "http" and not is_loopback_host(host):
        raise ValueError("needs https; http is for localhost, *.localhost, 127.0.0.1 and [::1] only")
    return parts


def _beside_the_file(value: str, info: ValidationInfo) -> str:
    base = (info.context or {}).get("base")
    return value if base is None or value in {":memory:", "stdout"} else str(Path(base) / value)


def _one_or_many(value: object) -> object:
    return (value,) if isinstance(value, str | SecretStr) else value


def _whole_number(value: object) -> object:
    return int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,4}", value) else value


def _text(pattern: re.Pattern[str]) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern.pattern}$"})


def _one_of(words: tuple[str, ...]) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "enum": list(words)})


BackendName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Duration = Annotated[int, BeforeValidator(parse_duration), _text(_DURATION)]
Lifetime = Annotated[Duration, Field(ge=1)]
Size = Annotated[int, BeforeValidator(parse_size), _text(_SIZE)]
Rate = Annotated[tuple[int, int], BeforeValidator(parse_rate), _text(_RATE)]
Issuer = Annotated[str, AfterValidator(check_issuer)]
WebUrl = Annotated[str, AfterValidator(check_web_url)]
SupportUrl = Annotated[str, AfterValidator(check_support)]
Origin = Annotated[str, AfterValidator(check_origin)]
Host = Annotated[str, AfterValidator(check_host), _text(_HOST)]
HostText = Annotated[str, AfterValidator(check_host_text), _text(_HOST_TEXT)]
Colour = Annotated[str, AfterValidator(check_colour), _text(_COLOUR)]
SecretHash = Annotated[str, AfterValidator(check_secret_hash), _text(_SECRET_HASH)]
Listen = Annotated[str, AfterValidator(check_listen)]
NetworkText = Annotated[str, AfterValidator(check_network)]
RedirectUri = Annotated[str, AfterValidator(check_redirect_uri)]
ResourceUri = Annotated[str, AfterValidator(check_resource_uri)]
ToldUri = Annotated[str, AfterValidator(lambda uri: uri and check_told_uri(uri))]
ServiceScope = Annotated[str, AfterValidator(check_service_scope), _text(_SERVICE_SCOPE)]
PathText = Annotated[str, Field(min_length=1), AfterValidator(_beside_the_file)]
ClientAuth = Annotated[AuthMethod | Literal["client_secret"], BeforeValidator(_known_method), _one_of(_METHODS)]
Localised = Annotated[str | dict[str, str], BeforeValidator(check_localised)]
Secret = Annotated[SecretStr, Field(min_length=1)]
MasterKeys = Annotated[tuple[Annotated[SecretStr, AfterValidator(_master_key)], ...], BeforeValidator(_one_or_many)]
WholeNumber = BeforeValidator(_whole_number)


class Section(BaseModel):
    """Frozen, and no key nobody knows."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
