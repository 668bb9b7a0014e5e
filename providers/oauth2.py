"""Any OAuth 2.0 upstream, described in config.yaml alone: endpoints, calls, and where in their answers people stand.

RFC 6749, 6750, 7009, 7636, 7662 (rfc-editor.org); expressions: jmespath.org/specification.html; read 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from broker import upstream as sdk


class OAuth2(sdk.GenericOAuth2Provider):
    """The key of a person is what `claims.sub` finds: an id that the upstream never changes."""

    title: ClassVar[Mapping[str, str]] = {"ru": "OAuth 2.0", "en": "OAuth 2.0"}
    label: ClassVar[Mapping[str, str]] = {"ru": "Войти через OAuth 2.0", "en": "Sign in with OAuth 2.0"}
    brand = "#334155"
