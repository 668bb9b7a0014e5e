"""What a logout token must say, once its signature is good (OIDC Back-Channel Logout 1.0, sections 2.4 and 2.6)."""

from __future__ import annotations

from broker.core.errors import UpstreamInvalid
from broker.upstream.abilities import UpstreamLogout
from broker.upstream.fields import Fields
from broker.upstream.jwt import point_in_time

EVENT = "http://schemas.openid.net/event/backchannel-logout"
MAX_AGE = 600  # seconds: a logout is told at once, or after a few tries
_WITHOUT_EXPIRY = 120  # seconds that a token counts which does not say when it expires
_ID_LIMIT = 255  # characters of `jti`, `sid` and `sub`


def read_logout(claims: Fields, *, issuers: tuple[str, ...], audience: str, now: float, skew: int) -> UpstreamLogout:
    """What a logout token of one of these issuers for us says; raises UpstreamInvalid. `now` and `skew` in seconds."""
    if claims.text("iss") not in issuers:
        raise UpstreamInvalid("logout token: iss is another issuer")
    named = claims.raw("aud")
    if audience not in (named if isinstance(named, list) else [named]):
        raise UpstreamInvalid("logout token: aud is not our client id")
    _check_times(claims, now=now, skew=skew)
    if "nonce" in claims:
        raise UpstreamInvalid("logout token: it has a nonce, so it is an ID token")
    events = claims.raw("events")
    if not isinstance(events, dict) or not isinstance(events.get(EVENT), dict):
        raise UpstreamInvalid("logout token: events does not say that somebody logged out")
    subject, sid = _short(claims, "sub"), _short(claims, "sid")
    if not subject and not sid:
        raise UpstreamInvalid("logout token: neither sub nor sid")
    jti = _short(claims, "jti")
    if not jti:
        raise UpstreamInvalid("logout token: no jti")
    return UpstreamLogout(subject, sid, jti)


def _check_times(claims: Fields, *, now: float, skew: int) -> None:
    issued_at = point_in_time(claims, "iat")
    if issued_at > now + skew or issued_at < now - skew - MAX_AGE:
        raise UpstreamInvalid(f"logout token: iat is {issued_at - now:+.0f} s from now; check both clocks")
    expires_at = point_in_time(claims, "exp") if "exp" in claims else issued_at + _WITHOUT_EXPIRY
    if now >= expires_at + skew:
        raise UpstreamInvalid(f"logout token: expired {now - expires_at:.0f} s ago; check both clocks")


def _short(claims: Fields, name: str) -> str:
    value = claims.maybe(name) or ""
    if len(value) > _ID_LIMIT:
        raise UpstreamInvalid(f"logout token: {name} is too long")
    return value
