"""The device code grant (RFC 8628 section 3.4): from the person's yes on it is an authorization code."""

from __future__ import annotations

from broker.core.clients.client import Client
from broker.core.errors import InvalidRequest
from broker.core.events import Event
from broker.core.people.history import Whence
from broker.core.seal import digest
from broker.core.wire.parameters import Parameters
from broker.services.devices import Devices
from broker.services.grants.authorization_code import AuthorizationCode
from broker.services.grants.endpoint import Issued
from broker.services.tokens.proofs import Key
from broker.store.transient import Kind


class DeviceCode:
    """Tells a device to wait, or spends the answer as any other code: once, and both or neither."""

    event = Event.TOKEN_ISSUED_TO_DEVICE

    def __init__(self, devices: Devices, codes: AuthorizationCode) -> None:
        self._devices = devices
        self._codes = codes

    async def issue(self, client: Client, params: Parameters, key: Key, _: Whence) -> Issued:
        """Spend the device code of this client; raises RequestError (section 3.5)."""
        if "device_code" not in params:
            raise InvalidRequest("device_code is missing")
        device = digest(params["device_code"])
        await self._devices.check_answered(client, device)
        return await self._codes.spend(Kind.DEVICE_ANSWER, device, client, params, key=key)
