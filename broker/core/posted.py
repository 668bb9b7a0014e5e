"""Posted credentials: what a token exchange says (RFC 8693), and the challenge that an app takes before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final, Self

from broker.core.authorize.pkce import build_challenge
from broker.core.errors import InvalidRequest, InvalidTarget
from broker.core.jose.compact import b64url
from broker.core.records import Record
from broker.core.terms import PostedKind, TokenType
from broker.core.wire.parameters import Parameters

CHALLENGE_TTL: Final = 300  # seconds from taking a challenge to posting what a kit made of it
REPLAY_KEPT: Final = 86400  # seconds that a used credential is remembered at most
UNASKED_AGE: Final = 300  # seconds that an ID token may be old for which nobody took a challenge
NONCE_MARK: Final = "challenge."  # how the nonce of every challenge begins, and of nothing else

KINDS: Final[Mapping[str, PostedKind]] = MappingProxyType(
    {
        TokenType.ID_TOKEN: PostedKind.ID_TOKEN,
        TokenType.JWT: PostedKind.ID_TOKEN,
        TokenType.ACCESS_TOKEN: PostedKind.ACCESS_TOKEN,
        TokenType.CODE: PostedKind.CODE,
        TokenType.WIDGET: PostedKind.WIDGET,
        TokenType.INIT_DATA: PostedKind.INIT_DATA,
        TokenType.CREDENTIAL: PostedKind.CREDENTIAL,
    }
)
"""What each `subject_token_type` is. A JWT that stands for a person is an ID token; those for APIs are no logins.

What an upstream's script gave to a page is a `credential`: an ID token for our own client id, which no kit's is.
"""


@dataclass(frozen=True, slots=True)
class Brought:
    """What an app posts, with nothing of it verified. `issuer` is the name of a provider here, `challenge` sealed.

    `redirect_uri` is what the app says its code was for; `secret` and `device_id` as providers get them (`Posted`).
    """

    kind: PostedKind
    token: str = field(repr=False)
    issuer: str
    challenge: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    device_id: str = ""
    redirect_uri: str = ""

    @classmethod
    def of(cls, params: Parameters) -> Self:
        """Everything that says whose credential it is and how it was made; raises InvalidRequest."""
        for name in ("subject_token", "subject_token_type", "subject_issuer"):
            if name not in params:
                raise InvalidRequest(f"{name} is missing")
        if "actor_token" in params or "actor_token_type" in params:
            raise InvalidRequest("actor_token: nobody acts for somebody else here")
        if "code_verifier" in params:
            raise InvalidRequest("code_verifier: the verifier is in the challenge; send that")
        kind = KINDS.get(params["subject_token_type"])
        if kind is None:
            raise InvalidRequest(f"subject_token_type must be one of: {', '.join(KINDS)}")
        return cls(
            kind,
            params["subject_token"],
            params["subject_issuer"],
            challenge=params.get("challenge", ""),
            secret=params.get("subject_token_secret", ""),
            device_id=params.get("device_id", ""),
            redirect_uri=params.get("redirect_uri", ""),
        )

    @property
    def fingerprint(self) -> str:
        """The credential in a log: enough to find it again for whoever has it, and of no use to anybody else."""
        return sha256(self.token.encode(errors="surrogatepass")).hexdigest()[:12]


def check_wanted(params: Parameters) -> None:
    """What is given for a credential is tokens of ours, for APIs named by `resource`; raises RequestError."""
    if params.get("requested_token_type", TokenType.ACCESS_TOKEN) != TokenType.ACCESS_TOKEN:
        raise InvalidRequest(
            "requested_token_type can only be that of an access token; scope openid adds an ID token, offline_access a"
            " refresh token"
        )
    if "audience" in params:
        raise InvalidTarget("audience is not supported here; name an API by resource (RFC 8707)")


class Challenge(Record, frozen=True, tag="challenge"):
    """What an app takes before its user signs in with a vendor's kit; sealed, the app keeps it until it posts.

    Nothing of it is stored. It is good for one credential of this provider, brought by this client, within five
    minutes: a credential that was stolen on the way is worth nothing without it. Times in epoch seconds.
    """

    client_id: str
    provider_key: str
    state: str
    code_verifier: str
    started_at: int

    @property
    def expires_at(self) -> int:
        """From when it is too old."""
        return self.started_at + CHALLENGE_TTL


def nonce_of(challenge: str) -> str:
    """The nonce that goes with a sealed challenge: it shows nothing of it, and no other challenge has it."""
    return NONCE_MARK + b64url(sha256(challenge.encode(errors="surrogatepass")).digest())


def tell(challenge: Challenge, sealed: str, *, with_code: bool) -> dict[str, Any]:
    """What the app is answered: `nonce` for its kit and, `with_code`, what a kit wants that ends in a code."""
    told = {"challenge": sealed, "expires_in": CHALLENGE_TTL, "nonce": nonce_of(sealed)}
    if not with_code:
        return told
    return told | {
        "state": challenge.state,
        "code_challenge": build_challenge(challenge.code_verifier),
        "code_challenge_method": "S256",
    }
