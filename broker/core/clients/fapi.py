"""What the FAPI 2.0 Security Profile asks for where RFCs leave a choice, as `profile: fapi2` of a client."""

from __future__ import annotations

from collections.abc import Mapping

from broker.core.terms import Algorithm, AuthMethod, Pkce, Profile

ALGORITHMS = (Algorithm.PS256, Algorithm.ES256, Algorithm.EDDSA)  # section 5.4.1
CODE_TTL = 60  # seconds an authorization code may live (section 5.3.2.1)
IMPLIED: Mapping[str, object] = {
    "auth_method": AuthMethod.PRIVATE_KEY_JWT,
    "assertion_algs": ALGORITHMS,
    "pkce": Pkce.REQUIRED,
    "require_par": True,
    "dpop_bound_access_tokens": True,
    "id_token_alg": Algorithm.ES256,
}
"""The settings of such a client where it says nothing; `broker.core.clients.rules` refuses what contradicts."""
_SIGNING = frozenset({*ALGORITHMS, "Ed25519"})  # RFC 9864 has a name of its own for the curve


def serves(algorithm: str, profile: Profile) -> bool:
    """Whether a client of this profile may sign so."""
    return profile is not Profile.FAPI2 or algorithm in _SIGNING
