"""drf-social-oauth2's calls, for apps that cannot be released anew: another spelling of what is here anyway (ADR 56).

Nothing is proved, given or taken away here; what does that is called with what the app meant.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any

from broker.core.clients.client import Client
from broker.core.drf import CONVERT_TOKEN, backend_refused, bring, check_fields, converted
from broker.core.errors import (
    AccessDenied,
    CredentialRefused,
    FieldRefused,
    InvalidRequest,
    ProviderSwitchedOff,
    RequestError,
    UnauthorizedClient,
    UnsupportedGrantType,
)
from broker.core.people.history import Whence
from broker.core.terms import GrantType, Scope
from broker.core.wire.parameters import Parameters
from broker.services.clients.directory import Clients
from broker.services.grants.endpoint import TokenRequests
from broker.services.posted import PostedCredentials, Proven
from broker.services.tokens.admission import Admission
from broker.services.tokens.held import Held
from broker.services.tokens.identities import Identities
from broker.services.tokens.proofs import Shown
from broker.services.tokens.revocation import Revocation


class BackendTokens:
    """The token of a backend, as a posted credential: the one proof is that of `PostedCredentials`."""

    def __init__(self, posted: PostedCredentials) -> None:
        self._posted = posted

    async def verify(self, client: Client, params: Parameters) -> Proven:
        """Whose `token` of `backend` this client brings; raises as `PostedCredentials.verify`."""
        name = client.drf.drf_backends[params["backend"]]
        brought = bring(params["token"], name)
        return await self._posted.prove(client, brought, unasked=name in client.drf.drf_without_nonce)

    def spending(self, proven: Proven) -> AbstractAsyncContextManager[None]:
        """See `PostedCredentials.spending`."""
        return self._posted.spending(proven)


class DrfCalls:
    """All of them. Only clients with `drf_backends` are heard."""

    def __init__(
        self,
        convert: TokenRequests,
        tokens: TokenRequests,
        *,
        clients: Clients,
        admission: Admission,
        revocation: Revocation,
        identities: Identities,
    ) -> None:
        """`convert` gives tokens for those of backends, by the grant of token exchange; `tokens` is `/token`."""
        self._convert = convert
        self._tokens = tokens
        self._clients = clients
        self._admission = admission
        self._revocation = revocation
        self._identities = identities

    async def read(self, params: Parameters, names: Iterable[str] = ()) -> Parameters:
        """With all `names` in it, and without the secret of a public client: in the package of an app it is none."""
        with _in_its_words():
            check_fields(params, names)
        client = await self._clients.find(params.get("client_id", ""))
        known = client is not None and client.public
        return params.only([name for name in params if name != "client_secret"]) if known else params

    async def convert(self, client: Client, params: Parameters, *, whence: Whence) -> dict[str, Any]:
        """Tokens of every scope that the client may ask for, for the token of a backend; raises RequestError.

        `whence`: where the client calls from.
        """
        with _in_its_words():
            _check(client)
            check_fields(params, ("grant_type", "backend", "token"))
            if params["grant_type"] != CONVERT_TOKEN:
                raise UnsupportedGrantType(f"grant_type must be {CONVERT_TOKEN}")
            if params["backend"] not in client.drf.drf_backends:
                raise backend_refused()
            asked = {"grant_type": GrantType.TOKEN_EXCHANGE.value, "scope": " ".join(sorted(client.scopes))}
            sent = Parameters([*asked.items(), *params.only(("backend", "token")).items()])
            return converted(await self._exchange(client, sent, whence))

    async def token(self, client: Client, params: Parameters) -> dict[str, Any]:
        """As `/token`."""
        with _in_its_words():
            _check(client)
            return await self._tokens.answer(client, params)

    async def revoke(self, client: Client, params: Parameters) -> None:
        """As `/revoke`."""
        with _in_its_words():
            _check(client)
            check_fields(params, ("token",))
            await self._revocation.revoke(client, params)

    async def revoke_shown(self, shown: Shown, params: Parameters) -> None:
        """As `revoke`, for an app that shows a token of the person instead of a secret; `token` may be left out."""
        with _in_its_words():
            held = await self._admit(shown, params)
            await self._revocation.revoke(held.client, Parameters([("token", params.get("token", shown.token))]))

    async def end(self, shown: Shown, params: Parameters, *, refresh_only: bool) -> None:
        """End all that this client has of the person whose token is shown; see `Revocation.revoke_given`."""
        with _in_its_words():
            held = await self._admit(shown, params)
            await self._revocation.revoke_given(held, refresh_only=refresh_only)

    async def disconnect(self, shown: Shown, params: Parameters) -> None:
        """Take the way in at `backend` away, as `DELETE /identities/{id}` does, and for nobody else than that."""

        def find(client: Client) -> str:
            _check(client)
            check_fields(params, ("backend",))
            if params["backend"] not in client.drf.drf_backends:
                raise backend_refused()
            return client.drf.drf_backends[params["backend"]]

        with _in_its_words():
            await self._identities.remove_at(shown, find, params.get("association_id", ""))

    async def _exchange(self, client: Client, sent: Parameters, whence: Whence) -> dict[str, Any]:
        try:
            return await self._convert.answer(client, sent, whence=whence)
        except UnauthorizedClient as error:  # it may not, or not any more, or nobody comes by that provider now
            refused = backend_refused()
            refused.detail = error.detail
            raise refused from None
        except (CredentialRefused, InvalidRequest) as error:
            raise AccessDenied("The token is invalid or expired, or not this app's.", detail=error.detail) from None

    async def _admit(self, shown: Shown, params: Parameters) -> Held:
        _, held = await self._admission.admit(shown, Scope.OPENID)
        _check(held.client)
        check_fields(params, ("client_id",))
        if params["client_id"] != held.client.id:
            raise FieldRefused("client_id", "client_id is not the application of this token", "Invalid client_id.")
        return held


def _check(client: Client) -> None:
    if not client.drf.drf_backends:
        raise UnauthorizedClient("this client may not call drf-social-oauth2's API; see drf_backends")


@contextmanager
def _in_its_words() -> Iterator[None]:
    """A refusal stands under `detail`, too, as Django REST framework has it."""
    try:
        yield
    except (RequestError, ProviderSwitchedOff) as error:
        error.members = {"detail": error.public, **error.members}
        raise
