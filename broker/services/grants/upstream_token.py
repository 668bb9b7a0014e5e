"""Token exchange for an upstream's own token (RFC 8693): an app calls the upstream's APIs in the name of its user."""

from __future__ import annotations

from broker.core.clients.client import Client
from broker.core.errors import (
    ConsentRequired,
    InsufficientScope,
    InvalidDpopProof,
    InvalidRequest,
    InvalidTarget,
    InvalidToken,
)
from broker.core.people.history import Whence
from broker.core.upstream_tokens import UpstreamTokens, WantedTokens
from broker.core.wire.parameters import Parameters
from broker.services.authorize.consent import Consents
from broker.services.context import Context
from broker.services.grants.endpoint import Foreign
from broker.services.providers import ProviderInstance, Providers
from broker.services.tokens.held import Held
from broker.services.tokens.minting import Tokens
from broker.services.tokens.proofs import Key
from broker.services.upstream_tokens.renewals import Renewals


class UpstreamTokenExchange:
    """Hands a provider's token to an app that its user let have it. Nothing of it is ours, and nothing is spent."""

    def __init__(
        self, context: Context, providers: Providers, tokens: Tokens, *, consents: Consents, renewals: Renewals
    ) -> None:
        """`consents` knows what people agreed to as the app is today."""
        self._context = context
        self._providers = providers
        self._tokens = tokens
        self._consents = consents
        self._renewals = renewals

    async def issue(self, client: Client, params: Parameters, key: Key, _whence: Whence) -> Foreign:
        """An access token of the provider `audience`, for whoever the client's own access token is about.

        Raises InvalidRequest, InvalidTarget where the client may not have it, InvalidDpopProof where its own token is
        bound to another key, ConsentRequired and LoginRequired where the person has to come by, UpstreamUnavailable.
        """
        wanted = WantedTokens.of(params)
        instance = self._find_provider(client, wanted.audience)
        held = await self._open_subject(client, wanted, key)
        await key.use()
        if not await self._consents.stands(client, held.account):
            raise ConsentRequired("the user has not agreed to this yet; send them through /authorize once")
        login = held.grant.login
        subject = login.subject if login.provider_key == instance.key else ""
        return self._hand(instance, held, await self._renewals.fresh(instance, held.account, subject))

    def _find_provider(self, client: Client, name: str) -> ProviderInstance:
        """The provider whose tokens this client may have today; raises InvalidTarget, the same for all others.

        Raises ProviderSwitchedOff where an operator has it off for now.
        """
        if name in client.upstream_tokens:
            self._providers.check_on(name, client)
        instance = self._providers.named(name)
        if instance is None or not instance.keeps_for(client) or name not in self._providers.offered_to(client):
            raise InvalidTarget("this client may have no tokens of that provider")
        return instance

    async def _open_subject(self, client: Client, wanted: WantedTokens, key: Key) -> Held:
        """The living grant behind the client's own token; one refusal, whatever is wrong with it (RFC 8693 2.2.2)."""
        try:
            opened, held = await self._tokens.verify_access(wanted.subject_token)
        except (InvalidToken, InsufficientScope) as error:
            raise _refused(error.detail) from None
        if held.client.id != client.id:
            raise _refused("it is another client's")
        if opened.jkt and opened.jkt != key.jkt:
            raise InvalidDpopProof("the subject token is bound to a key; send a DPoP proof made with that key")
        return held

    def _hand(self, instance: ProviderInstance, held: Held, tokens: UpstreamTokens) -> Foreign:
        now = self._context.now()
        lives = None if tokens.expires_at is None else max(0, tokens.expires_at - now)
        return Foreign(instance.name, held.account, tokens.access_token, lives, tokens.scope)


def _refused(detail: str) -> InvalidRequest:
    text = "the subject token is not acceptable: it is no living access token of this client"
    return InvalidRequest(text, detail=detail)
