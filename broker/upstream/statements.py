"""What an issuer signs about people outside of any login (RFC 8417): the checks that all such tokens share."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from broker.core.errors import UpstreamInvalid
from broker.upstream.fields import Fields
from broker.upstream.jwt import audiences_of, point_in_time

ID_LIMIT = 255  # characters of `jti`, `sid` and `sub`


@dataclass(frozen=True, slots=True)
class StatementRules:
    """What such a token must satisfy besides its signature.

    `what` it is called in error texts; `audiences`: one of them must be named in `aud`. `max_age` and `skew` in
    seconds. `without_expiry`: seconds that one counts which does not say when it expires; None: `exp` is not asked for.
    """

    what: str
    issuers: Collection[str]
    audiences: Collection[str]
    max_age: int
    skew: int
    without_expiry: int | None = None


def check_statement(claims: Fields, rules: StatementRules, *, now: float) -> str:
    """Its `jti`, once the signature is good; raises UpstreamInvalid. `now` in epoch seconds."""
    if claims.text("iss") not in rules.issuers:
        raise UpstreamInvalid(f"{rules.what}: iss is another issuer")
    if set(rules.audiences).isdisjoint(audiences_of(claims.raw("aud"), rules.what)):
        raise UpstreamInvalid(f"{rules.what}: aud is not our client id")
    _check_times(claims, rules, now)
    if "nonce" in claims:
        raise UpstreamInvalid(f"{rules.what}: it has a nonce, so it is an ID token")
    jti = short_text(claims, "jti", rules.what)
    if not jti:
        raise UpstreamInvalid(f"{rules.what}: no jti")
    return jti


def short_text(claims: Fields, name: str, what: str) -> str:
    """A text of at most `ID_LIMIT` characters, "" where there is none; raises UpstreamInvalid."""
    value = claims.maybe(name) or ""
    if len(value) > ID_LIMIT:
        raise UpstreamInvalid(f"{what}: {name} is too long")
    return value


def _check_times(claims: Fields, rules: StatementRules, now: float) -> None:
    issued_at = point_in_time(claims, "iat")
    if issued_at > now + rules.skew or issued_at < now - rules.skew - rules.max_age:
        raise UpstreamInvalid(f"{rules.what}: iat is {issued_at - now:+.0f} s from now; check both clocks")
    if rules.without_expiry is None:
        return
    expires_at = point_in_time(claims, "exp") if "exp" in claims else issued_at + rules.without_expiry
    if now >= expires_at + rules.skew:
        raise UpstreamInvalid(f"{rules.what}: expired {now - expires_at:.0f} s ago; check both clocks")
