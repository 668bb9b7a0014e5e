"""The token endpoint: every grant, tied to the services it gives tokens by."""

from __future__ import annotations

from broker.assembly.parts import Parts
from broker.core.terms import GrantType
from broker.services.devices import Devices
from broker.services.grants.authorization_code import AuthorizationCode
from broker.services.grants.client_credentials import ClientCredentials
from broker.services.grants.device_code import DeviceCode
from broker.services.grants.endpoint import GrantHandler, TokenRequests
from broker.services.grants.giving import Giving
from broker.services.grants.refresh_token import RefreshTokenGrant
from broker.services.grants.token_exchange import Exchanges
from broker.services.sessions.upstream import Confirmations
from broker.services.tokens.minting import Tokens
from broker.services.tokens.proofs import Proofs


def build_token_requests(
    parts: Parts, *, tokens: Tokens, proofs: Proofs, giving: Giving, devices: Devices, exchange: Exchanges | None
) -> TokenRequests:
    """What answers at `/token`; `exchange` is None where no client may exchange anything."""
    context, durable, transient = parts.context, parts.durable, parts.transient
    codes = AuthorizationCode(context, durable.grants, transient, giving)
    confirmations = Confirmations(context, durable.sessions, parts.providers, parts.seal("upstream login"))
    handlers: dict[GrantType, GrantHandler] = {
        GrantType.AUTHORIZATION_CODE: codes,
        GrantType.REFRESH_TOKEN: RefreshTokenGrant(context, durable.grants, tokens, confirmations),
        GrantType.CLIENT_CREDENTIALS: ClientCredentials(),
        GrantType.DEVICE_CODE: DeviceCode(devices, codes),
    }
    if exchange is not None:
        handlers[GrantType.TOKEN_EXCHANGE] = exchange
    return TokenRequests(context, proofs, tokens, handlers)
