"""Devices without a browser of their own (RFC 8628): what is asked, what is kept, and the code people type."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from broker.core.authorize import check_claims, check_lengths, check_resource, check_scope
from broker.core.claims import select_claims
from broker.core.claims_parameter import parse_claims, requested_sub
from broker.core.client import Client
from broker.core.errors import UnauthorizedClient
from broker.core.parameters import Parameters
from broker.core.records import AuthorizationRequest, Record
from broker.core.resource import parse_resources
from broker.core.step_up import parse_essential_acr
from broker.core.terms import GrantType

ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
"""Consonants alone: no look-alikes, and no words by chance (RFC 8628 section 6.1)."""
LENGTH = 8  # letters; 20 ** 8 codes are 34 bits
_FAIR = 256 - 256 % len(ALPHABET)


@dataclass(frozen=True, slots=True)
class Waiting(Record):
    """A device that waits for a person's answer. Times in epoch seconds.

    `request` is an AuthorizationRequest as bytes in text, `user_code` is sealed. `place` is where the device asked
    from, coarsely, or "".
    """

    kind = "device"

    client_id: str
    request: str
    user_code: str
    place: str
    asked_at: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class Pace(Record):
    """How often a device may ask for its answer, in seconds, and when it last did, in epoch seconds."""

    kind = "device-poll"

    interval: int
    polled_at: int = 0


@dataclass(frozen=True, slots=True)
class DeviceTicket(Record):
    """Somebody typed the code of this device; sealed for one browser. `expires_at` in epoch seconds."""

    kind = "device-ticket"

    device: str
    expires_at: int


def build_device_request(params: Parameters, client: Client) -> AuthorizationRequest:
    """The checked request of a device (RFC 8628 section 3.1); raises RequestError."""
    params.check_single(params.repeated)
    if GrantType.DEVICE_CODE not in client.grants:
        raise UnauthorizedClient(f"this client is not registered for the grant {GrantType.DEVICE_CODE}")
    for check in (check_lengths, check_scope, check_claims, check_resource):
        check(params, client)
    wanted = parse_claims(params.text("claims"))
    named = {place: select_claims(claims, client) for place, claims in wanted.items()}
    return AuthorizationRequest(
        client_id=client.id,
        redirect_uri="",
        scope=tuple(scope for scope in params.words("scope") if scope in client.scopes),
        essential_acr=parse_essential_acr(wanted),
        hinted_sub=requested_sub(wanted),
        resource=parse_resources(params),
        claims={place: dict.fromkeys(names) for place, names in named.items() if names},
    )


def build_user_code(randomness: Callable[[int], bytes]) -> str:
    """A fresh code of `LENGTH` letters, each of them equally likely."""
    return "".join(islice(_letters(randomness), LENGTH))


def _letters(randomness: Callable[[int], bytes]) -> Iterator[str]:
    while True:
        yield from (ALPHABET[byte % len(ALPHABET)] for byte in randomness(LENGTH) if byte < _FAIR)


def show_user_code(user_code: str) -> str:
    """As people read it: XXXX-XXXX."""
    return f"{user_code[: LENGTH // 2]}-{user_code[LENGTH // 2 :]}"


def parse_user_code(typed: str) -> str:
    """What was meant, however it was written; "" where it cannot be a code of ours."""
    code = "".join(letter for letter in typed.upper() if not letter.isspace() and letter not in "-‐‑–—_.")
    return code if len(code) == LENGTH and set(code) <= set(ALPHABET) else ""
