"""Proofs of possession at our own endpoints (RFC 9449): fresh, of this request, and used once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from hmac import compare_digest
from hmac import digest as hmac_digest

from broker.core.clients.client import Client
from broker.core.clients.fapi import serves
from broker.core.errors import InvalidDpopProof, InvalidToken, UseDpopNonce
from broker.core.events import Event
from broker.core.jose.compact import b64url
from broker.core.seal import digest
from broker.core.tokens.dpop import Proof, verify_proof
from broker.services.context import Context
from broker.store.transient import Kind, Transient

WINDOW = 60  # seconds: how far the clock of whoever made a proof may be from ours
NONCE_PERIOD = 300  # seconds: a nonce is given out for one period and accepted until the end of the next
_PROOF_BYTES = 16


class Nonces:
    """Nonces that nobody has to remember: the number of the period and a keyed digest of it."""

    def __init__(self, keys: tuple[bytes, ...], now: Callable[[], int]) -> None:
        """`keys`: 32 bytes each of the purpose "dpop nonce"; the first mints, all recognise. `now`: epoch seconds."""
        self._keys = keys
        self._now = now

    def mint(self) -> str:
        """The nonce of now. It is the same for everybody, and for every node that has the key."""
        return _spell(self._keys[0], self._now() // NONCE_PERIOD)

    def accepts(self, nonce: str) -> bool:
        """Whether it was given out in this period or the one before."""
        period = self._now() // NONCE_PERIOD
        good = [_spell(key, number) for key in self._keys for number in (period, period - 1)]
        return any([compare_digest(nonce.encode(), known.encode()) for known in good])


@dataclass(slots=True)
class Key:
    """The key that what is issued will be bound to, by its thumbprint `jkt`; "" without one.

    The proof of it counts once: `use` it when the request is known to be good, so that a made-up one stores nothing.
    """

    jkt: str = ""
    _claim: Callable[[], Awaitable[None]] | None = None

    async def use(self) -> None:
        """The proof is used from here on; raises InvalidDpopProof when it was before. A second call does nothing."""
        if self._claim is not None:
            claim, self._claim = self._claim, None
            await claim()


@dataclass(frozen=True, slots=True)
class Shown:
    """An access token as it came in a request of `method` to `endpoint`, a path below the issuer's, as `/userinfo`.

    `token` is "" when none came, `proof` the DPoP header or "". `as_dpop`: by the scheme DPoP, not as a bearer token.
    """

    token: str = field(repr=False)
    as_dpop: bool
    proof: str = field(repr=False)
    method: str
    endpoint: str


class Proofs:
    """Accepts each proof once."""

    def __init__(self, context: Context, transient: Transient, nonces: Nonces, *, nonce_required: bool) -> None:
        """`nonce_required`: without a nonce of ours no proof counts."""
        self._context = context
        self._transient = transient
        self._nonces = nonces
        self._nonce_required = nonce_required

    def mint_nonce(self) -> str:
        """What a client may put into its next proof."""
        return self._nonces.mint()

    async def verify(self, proof: str, *, endpoint: str, method: str = "POST", access_token: str = "") -> Proof:
        """The proof of a request to `endpoint`, a path below the issuer's, as `/token`; `claim` it before it counts.

        With `access_token` it must name that token. Raises InvalidDpopProof or UseDpopNonce.
        """
        url = f"{self._context.issuer}{endpoint}"
        try:
            found = verify_proof(proof, method=method, url=url, access_token=access_token)
            self._check_times(found)
        except InvalidDpopProof as error:
            self._context.recorder.record(Event.PROOF_REFUSED, endpoint=endpoint, reason=error.detail)
            raise
        return found

    def key_of(self, proof: Proof, *, endpoint: str) -> Key:
        """The key of a verified proof, which is claimed by the first use."""
        return Key(proof.jkt, partial(self.claim, proof, endpoint=endpoint))

    async def verify_use(self, shown: Shown, jkt: str, client: Client) -> None:
        """Returns when an access token, bound to `jkt` or to nothing (""), came as it must (section 7).

        Raises InvalidToken, InvalidDpopProof, UseDpopNonce.
        """
        if not shown.as_dpop:
            if jkt:
                raise InvalidToken("the access token is bound to a key; send it by the scheme DPoP, with a proof")
            return
        if not jkt:
            raise InvalidToken("the access token is bound to no key; send it by the scheme Bearer")
        found = await self.verify(shown.proof, endpoint=shown.endpoint, method=shown.method, access_token=shown.token)
        check_profile(found, client)
        if found.jkt != jkt:
            raise InvalidToken("the access token is bound to another key than the one of the proof")
        await self.claim(found, endpoint=shown.endpoint)

    def _check_times(self, proof: Proof) -> None:
        """With a nonce our own clock says how old a proof is; without one, its maker's does (section 11.1)."""
        now = self._context.clock()
        if proof.nonce:
            if not self._nonces.accepts(proof.nonce):
                raise UseDpopNonce(
                    "the nonce in the DPoP proof is not ours or too old; use the one that comes with this"
                )
        elif self._nonce_required:
            raise UseDpopNonce("the DPoP proof needs a nonce; use the one that comes with this answer")
        elif abs(now - proof.issued_at) > WINDOW:
            raise InvalidDpopProof(f"the DPoP proof is refused: iat is more than {WINDOW} seconds from our time")
        if proof.not_before is not None and proof.not_before > now + WINDOW:
            raise InvalidDpopProof("the DPoP proof is refused: it is not valid yet (nbf)")
        if proof.expires_at is not None and proof.expires_at <= now - WINDOW:
            raise InvalidDpopProof("the DPoP proof is refused: it has expired (exp)")

    async def claim(self, proof: Proof, *, endpoint: str) -> None:
        """Once, for as long as the same proof would be accepted; raises InvalidDpopProof.

        It is stored, and anybody can make a proof: only of a request that is good but for this.
        """
        url = f"{self._context.issuer}{endpoint}"
        ttl = 2 * (NONCE_PERIOD if proof.nonce else WINDOW) + 1
        if not await self._transient.put(Kind.PROOF, digest(f"{proof.jkt} {url} {proof.jti}"), b"1", ttl=ttl):
            text = "the DPoP proof was used before; make one for every request, each with a jti of its own"
            self._context.recorder.record(Event.PROOF_REFUSED, endpoint=endpoint, reason=text)
            raise InvalidDpopProof(text)


def check_profile(proof: Proof, client: Client) -> None:
    """Raise InvalidDpopProof where the client's profile leaves out the algorithm of the proof."""
    if not serves(proof.algorithm, client.origin.profile):
        raise InvalidDpopProof("the DPoP proof is refused: FAPI 2.0 wants ES256, PS256 or EdDSA")


def _spell(key: bytes, period: int) -> str:
    return b64url(hmac_digest(key, period.to_bytes(8, "big"), sha256)[:_PROOF_BYTES])
