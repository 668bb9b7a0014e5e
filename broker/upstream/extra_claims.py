"""Groups, roles and other claims beside the standard ones, as the operator says where they stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from broker.core.expressions import check_expression, find
from broker.core.people.extra_claims import COUNT_LIMIT, check_kept_name, read_claims
from broker.core.people.identity import Identity
from broker.upstream.model import ProviderSettings


def _check(paths: dict[str, str]) -> dict[str, str]:
    if len(paths) > COUNT_LIMIT:
        raise ValueError(f"names {len(paths)} claims; there may be {COUNT_LIMIT}")
    for name, path in paths.items():
        check_kept_name(name)
        try:
            check_expression(path)
        except ValueError as problem:
            raise ValueError(f"{name}: {problem}") from None
    return paths


ExtraClaims = Annotated[dict[str, str], AfterValidator(_check)]


class ExtraSettings(ProviderSettings):
    """Settings of an upstream that may tell more of people than the standard claims."""

    extra_claims: ExtraClaims = Field(
        default={},
        description="Claims beside the standard ones and where they stand, as `{groups: groups}`: expressions"
        " (JMESPath) over what it says. Apps are told them by their `extra_claims`",
    )


def with_extra(
    identity: Identity, settings: ProviderSettings, document: Mapping[str, Any], odd: Callable[[str], None]
) -> Identity:
    """The identity with the extra claims that the settings name, as far as `document` has them and they can be told.

    `document` is what the upstream said, without what opens anything there. `odd` hears of what is left out.
    """
    if not isinstance(settings, ExtraSettings) or not settings.extra_claims:
        return identity
    raw = {name: find(path, document) for name, path in settings.extra_claims.items()}
    return replace(identity, claims={**identity.claims, **read_claims(raw, odd)})


def lacks_extra(settings: ProviderSettings, document: Mapping[str, Any]) -> bool:
    """Whether one of the claims that the settings name is not there."""
    paths = settings.extra_claims.values() if isinstance(settings, ExtraSettings) else ()
    return any(find(path, document) in (None, "", []) for path in paths)
