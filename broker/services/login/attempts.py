"""One login attempt at one provider: begun with nothing stored, finished once, in the browser that began it."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from broker.core.clients.client import Client
from broker.core.errors import (
    BrokerError,
    FlowFinished,
    FlowGone,
    FlowNotHere,
    NothingAsked,
    PageError,
    ProviderSwitchedOff,
    SealBroken,
    UpstreamDenied,
    UpstreamError,
    UpstreamInvalid,
)
from broker.core.events import Event
from broker.core.people.identity import Identity
from broker.core.records import Account, FlowRecord, ForClient, Link, Purpose, Wishes
from broker.core.seal import digest
from broker.core.terms import Prompt
from broker.services.carried import Carried
from broker.services.clients.directory import Clients
from broker.services.context import Context
from broker.services.login.earlier import Earlier
from broker.services.login.outcomes import AtHome, Begun, Callback, Identified, LoginFailed, Offered
from broker.services.login.prompts import identify_in_chat, identify_prompted, select_by
from broker.services.login.states import States
from broker.services.once import once, reply_mark
from broker.services.people.held import Shown
from broker.services.providers import ProviderInstance, Providers
from broker.store.transient import Kind, Transient
from broker.upstream.model import Channel, Flow, Reply, signs_replies

MAX_COOKIE = 3600  # characters; browsers keep 4096 bytes with name and attributes
DEADLINE = 9.0  # seconds for everything an upstream is asked while one person waits
_MARKED = 3600  # seconds a used reply is remembered: longer than any upstream of ours lets one be used


class Logins:
    """Begins and finishes login attempts."""

    def __init__(
        self,
        context: Context,
        clients: Clients,
        providers: Providers,
        *,
        transient: Transient,
        states: States,
        flows: Carried,
        deadline: float = DEADLINE,
        earlier: Earlier | None = None,
    ) -> None:
        """`flows` have the purpose "flow" and fit into a cookie; `deadline` in seconds.

        `earlier`: the providers as they were before the configuration changed.
        """
        self._earlier = earlier or Earlier(context.clock)
        self._context = context
        self._clients = clients
        self._providers = providers
        self._transient = transient
        self._states = states
        self._flows = flows
        self._deadline = deadline

    async def begin(self, purpose: Purpose, client: Client | None, name: str, *, locale: str) -> Begun:
        """Mint state, nonce and verifier, ask the provider where to go, seal the rest; raises LoginFailed.

        `client`: whose request it is for, None where somebody comes to see to their own account.
        """
        instance = self._providers.find_offered(name, client) if client else self._providers.find(name)
        client_id = client.id if client else ""
        record = self._new(purpose, instance, client_id)
        flow = self._build_flow(record, instance, client, locale)
        try:
            step = await instance.in_time(instance.provider.begin(flow), self._deadline)
        except UpstreamError as error:
            raise self.fail(error, purpose, client, instance) from error
        record = record.replace(memo=dict(step.memo))
        sealed = await self._flows.seal(record, bound_to=record.state, ttl=self._providers.flow_ttl)
        self._context.recorder.record(Event.LOGIN_STARTED, provider=name, client_id=client_id)
        tag, ttl = self._states.tag(record.state), self._providers.flow_ttl
        by_bot = record.state if instance.abilities.signs_in_by_bot else ""
        return Begun(step, tag, sealed, ttl, instance.provider.channels, instance.title, by_bot)

    def offer(self, purpose: Purpose, client: Client, name: str, *, locale: str) -> Offered | None:
        """An attempt that begins when the person answers the upstream's own prompt, on a page that shows it.

        None where the upstream has none, does not answer, or the record is too large for a cookie: whoever merely
        looks at a page costs no storage, and nobody is told that a login began.
        """
        instance = self._providers.find_offered(name, client)
        if (prompts := instance.abilities.prompts) is None or instance.down_for() is not None:
            return None
        record = self._new(purpose, instance, client.id).replace(shown=True)
        sealed = self._flows.seal_small(record, bound_to=record.state)
        prompt = prompts.prompt(self._build_flow(record, instance, client, locale))
        offered = Offered(prompt, self._states.tag(record.state), sealed, self._providers.flow_ttl)
        return offered if sealed else None

    def _new(self, purpose: Purpose, instance: ProviderInstance, client_id: str) -> FlowRecord:
        began = self._context.clock()
        now = int(began)
        return FlowRecord(
            purpose=purpose,
            provider=instance.name,
            settings=instance.mark,
            state=self._states.mint(now, client_id),
            nonce=self._context.mint(),
            code_verifier=self._context.mint(size=48),
            started_at=now,
            expires_at=now + self._providers.flow_ttl,
            began_ms=int(began * 1000),
        )

    async def finish(self, callback: Callback) -> Identified | AtHome:
        """Who it is upstream, and what for. All is checked, and the state spent, before the provider is asked anything.

        Raises NothingAsked, FlowGone, FlowNotHere, FlowFinished, UnknownClient before, and LoginFailed after that
        point. What a store that is away does not tell is asked before the state is spent: the person may reload.
        """
        record = await self.open_(callback)
        purpose = record.purpose
        if isinstance(purpose, ForClient):
            client = await self._clients.find_again(purpose.request.client_id)
            return Identified(await self._prove(callback, record, client), purpose, client)
        return AtHome(await self._prove(callback, record, None), purpose)

    async def open_(self, callback: Callback) -> FlowRecord:
        """The attempt of exactly this state in exactly this browser, which spends nothing; raises as `finish`."""
        try:
            return await self._open(callback)
        except PageError as error:
            error.client = error.client or self._clients.configured.get(self._whose(callback.state))
            raise

    async def _prove(self, callback: Callback, record: FlowRecord, client: Client | None) -> Shown:
        """Who the upstream says it is; from the claim on the state is spent."""
        instance = callback.instance
        try:
            self._providers.check_on(instance.name)
        except ProviderSwitchedOff as error:
            raise self.fail(error, record.purpose, client, instance) from error
        instance = self._earlier.as_it_was(instance, record.settings)
        await self._claim(callback.state, client)
        if record.provider != instance.name:
            raise NothingAsked(f"state of {record.provider} came back at {instance.name}")
        began_ms = record.began_ms
        if record.shown:  # until now a page lay open
            began_ms = self._tell_answered(instance, client, callback.reply)
        try:
            identity = await self._ask(instance, record, client, callback.reply)
        except BrokerError as error:
            raise self.fail(error, record.purpose, client, instance) from error
        asked_at = self._asked_at(identity, _wished(record.purpose, instance))
        return Shown(record.started_at, began_ms, instance, identity, asked_at)

    def _asked_at(self, identity: Identity, wishes: Wishes) -> int:
        """When the person was asked who they are: as the upstream says, else just now if that was demanded of it."""
        if identity.auth_time is not None:
            return identity.auth_time
        return self._context.now() if Prompt.LOGIN in wishes.prompt else 0

    async def _ask(
        self, instance: ProviderInstance, record: FlowRecord, client: Client | None, reply: Reply
    ) -> Identity:
        if record.shown:
            return await identify_prompted(instance, self._build_flow(record, instance, client), reply, self._deadline)
        provider, bot = instance.provider, instance.abilities.signs_in_by_bot
        if reply.via is Channel.BOT and bot is not None:
            return identify_in_chat(bot, reply)
        if reply.via not in provider.channels:
            raise UpstreamInvalid(f"{instance.name} does not answer by {reply.via}")
        flow = self._build_flow(record, instance, client)
        identity = await instance.in_time(provider.finish(flow, reply), self._deadline)
        if signs_replies(provider) and (key := provider.replay_key(reply)):
            async with self.replying(instance.key, key):
                return identity
        return identity

    def _tell_answered(self, instance: ProviderInstance, client: Client | None, reply: Reply) -> int:
        """A login begins with the answer to a prompt: since when, in epoch milliseconds."""
        self._context.recorder.record(
            Event.LOGIN_STARTED,
            provider=instance.name,
            client_id=client.id if client else "",
            select_by=select_by(reply),
        )
        return int(self._context.clock() * 1000)

    def replying(
        self, provider_key: str, replay_key: str, *, valid_until: int = 0
    ) -> AbstractAsyncContextManager[None]:
        """A signed reply counts `once`, up to `valid_until` (epoch seconds) at least; raises FlowFinished."""
        return once(
            self._transient,
            reply_mark(provider_key, replay_key),
            ttl=max(_MARKED, valid_until - self._context.now()),
            again=FlowFinished("a signed reply was used twice"),
        )

    async def _open(self, callback: Callback) -> FlowRecord:
        """The record of exactly this state from exactly this browser: the seal is bound to it, and proves both."""
        if not callback.sealed:
            await self._burn(callback.state)
            raise FlowNotHere("the browser brought no record of this login attempt")
        record = await self._unseal(callback)
        if record.state != callback.state:
            raise NothingAsked("the record is of another state")
        if record.expires_at <= self._context.now():
            raise FlowGone("login attempt too old")
        return record

    def _whose(self, state: str) -> str:
        return self._states.whose(state, self._clients.configured)

    async def _burn(self, state: str) -> None:
        """Whoever came with this state is not who began: it has leaked, and is good for nobody any more.

        Raises NothingAsked for one that is not ours, which costs no write, FlowGone when it is over, and FlowFinished.
        """
        started_at = self._states.started_at(state)
        if started_at is None:
            raise NothingAsked("callback with a state that is not ours")
        if started_at + self._providers.flow_ttl <= self._context.now():
            raise FlowGone("login attempt too old")
        await self._claim(state, None)

    async def _unseal(self, callback: Callback) -> FlowRecord:
        try:
            return await self._flows.open_(FlowRecord, callback.sealed, bound_to=callback.state)
        except SealBroken as error:
            await self._burn(callback.state)
            raise NothingAsked(error.detail) from None

    async def _claim(self, state: str, client: Client | None) -> None:
        """Exactly one callback gets past this line for a state."""
        ttl, value = self._providers.flow_ttl, client.id.encode() if client else b"-"
        if not await self._transient.put(Kind.CLAIM, digest(f"state {state}"), value, ttl=ttl):
            kept = await self._transient.get(Kind.CLAIM, digest(f"state {state}"))
            whose = await self._clients.find(kept.decode()) if kept else None
            raise FlowFinished("the state was used before", client=whose)

    def _build_flow(
        self, record: FlowRecord, instance: ProviderInstance, client: Client | None, locale: str = ""
    ) -> Flow:
        callback = f"{self._context.issuer}/callback/{record.provider}"
        return Flow(
            state=record.state,
            nonce=record.nonce,
            code_verifier=record.code_verifier,
            redirect_uri=callback,
            callback_with_state=f"{callback}/{record.state}",
            started_at=record.started_at,
            ui_locale=locale,
            wishes=_wished(record.purpose, instance),
            memo=record.memo,
            keeps_tokens=instance.keeps_for(client),
        )

    def fail(
        self, error: BrokerError, purpose: Purpose, client: Client | None, instance: ProviderInstance
    ) -> LoginFailed:
        """The attempt failed by this; it is told, and what the person is shown comes back to be raised."""
        outcome = "cancelled" if isinstance(error, UpstreamDenied) else type(error).__name__
        self._context.recorder.record(
            Event.LOGIN_FAILED,
            provider=instance.name,
            client_id=client.id if client else "",
            outcome=outcome,
            reason=error.detail,
        )
        only = client is not None and not {*self._providers.offered_to(client)} - {instance.name}
        return LoginFailed(error, purpose, client, instance, only=only)


def _wished(purpose: Purpose, instance: ProviderInstance) -> Wishes:
    """What the upstream is asked for: of levels what is essential, else what is wished, as far as it can.

    Hardly any upstream says how old its own session is, so `max_age` asks for a new login. So does a proof that
    somebody is the one whom they say to be here, and whoever comes to see to their account (threats D7).
    """
    if isinstance(purpose, Account | Link):
        return Wishes(prompt=(Prompt.LOGIN,))
    request = purpose.request
    again = (request.max_age is not None or purpose.held is not None) and Prompt.LOGIN not in request.prompt
    levels = request.essential_acr or request.acr_values
    return request.wishes().replace(
        prompt=(*request.prompt, Prompt.LOGIN) if again else request.prompt,
        acr_values=tuple([level for level in levels if level in instance.abilities.levels]),
    )
