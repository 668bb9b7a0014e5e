"""Proof Key for Code Exchange, S256 only (RFC 7636)."""

from __future__ import annotations

import re
from hashlib import sha256
from hmac import compare_digest

from broker.core.jose.compact import b64url

_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}")
_CHALLENGE = re.compile(r"[A-Za-z0-9\-_]{43}")


def build_challenge(code_verifier: str) -> str:
    """`code_challenge` of method S256 (RFC 7636 section 4.2)."""
    return b64url(sha256(code_verifier.encode("ascii")).digest())


def is_challenge(text: str) -> bool:
    """Whether `text` can be an S256 challenge: 43 characters of base64url."""
    return _CHALLENGE.fullmatch(text) is not None


def matches(code_verifier: str, code_challenge: str) -> bool:
    """Whether the verifier is well formed and the challenge was made from it, in constant time."""
    if _VERIFIER.fullmatch(code_verifier) is None:
        return False
    return compare_digest(build_challenge(code_verifier), code_challenge)
