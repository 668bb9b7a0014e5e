"""The contract of both stores, on SQLite, in a file and in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from broker.core.authorize.consent import Said
from broker.store.base import Durable
from broker.store.sqlite.store import SqliteStore
from broker.store.transient import Kind, Transient
from tests.contract.accounts import AccountRules
from tests.contract.arrivals import ArrivalRules
from tests.contract.extra_claims import ExtraClaimRules
from tests.contract.grants import GrantRules
from tests.contract.histories import ConsentRules, HistoryRules
from tests.contract.invitations import InvitationRules
from tests.contract.kept_clients import KeptClientRules
from tests.contract.linking import LinkRules
from tests.contract.logouts import LogoutRules
from tests.contract.looked_after import OperatorRules
from tests.contract.merging import LifeRules, MergeRules
from tests.contract.notifications import NotifyRules
from tests.contract.operators import AdminTokenRules
from tests.contract.people import NOW, account, link, settle, token
from tests.contract.signing_keys import KeyRules
from tests.contract.store import TransientRules
from tests.contract.switches import SwitchRules
from tests.contract.upstream_sessions import UpstreamSessionRules
from tests.contract.upstream_tokens import UpstreamTokenRules
from tests.contract.webhooks import WebhookRules
from tests.store.doubles import Clock


@dataclass
class FilePlace:
    """A database file and its clock."""

    path: Path
    store: SqliteStore
    clock: Clock = field(default_factory=Clock)

    @property
    def transient(self) -> Transient:
        """The half under test."""
        return self.store.transient

    async def pass_time(self, seconds: int) -> None:
        """The clock is ours."""
        self.clock.now += seconds

    async def reopen(self) -> Transient:
        """Over the same file."""
        await self.store.close()
        self.store = await SqliteStore.open(str(self.path), clock=self.clock)
        return self.store.transient


@pytest.fixture
async def place(tmp_path: Path, anyio_backend: str) -> AsyncIterator[FilePlace]:
    """A fresh file."""
    clock = Clock()
    found = FilePlace(tmp_path / "broker.db", await SqliteStore.open(str(tmp_path / "broker.db"), clock=clock), clock)
    yield found
    await found.store.close()


@pytest.fixture(params=["file", ":memory:"])
async def durable(request: pytest.FixtureRequest, tmp_path: Path, anyio_backend: str) -> AsyncIterator[Durable]:
    """A fresh store."""
    path = request.param if request.param == ":memory:" else str(tmp_path / "broker.db")
    store = await SqliteStore.open(path, clock=Clock())
    yield store.durable
    await store.close()


class TestTransient(TransientRules):
    """Values that expire."""


class TestAccounts(AccountRules):
    """People."""


class TestNotifications(NotifyRules):
    """Messages to people."""


class TestArrivals(ArrivalRules):
    """People who come from elsewhere."""


class TestLinks(LinkRules):
    """Ways into an account."""


class TestMerges(MergeRules):
    """Two accounts that become one, and part again."""


class TestLives(LifeRules):
    """The end of sessions, and of accounts."""


class TestOperators(OperatorRules):
    """What operators find and stop."""


class TestConsents(ConsentRules):
    """What apps may."""


class TestHistories(HistoryRules):
    """What a person sees."""


class TestKeys(KeyRules):
    """Signing keys."""


class TestGrants(GrantRules):
    """What people gave to clients."""


class TestUpstreamSessions(UpstreamSessionRules):
    """Sessions that end, here and elsewhere."""


class TestUpstreamTokens(UpstreamTokenRules):
    """Upstreams' tokens that are kept for apps."""


class TestExtraClaims(ExtraClaimRules):
    """What operators set for apps."""


class TestKeptClients(KeptClientRules):
    """Clients that operators keep."""


class TestAdminTokens(AdminTokenRules):
    """Inherits what every store must do."""


class TestSwitches(SwitchRules):
    """What operators switch off."""


class TestWebhooks(WebhookRules):
    """What others are told."""


class TestInvitations(InvitationRules):
    """Who may get an account."""


class TestLogouts(LogoutRules):
    """Who hears of their end."""


pytestmark = pytest.mark.anyio


async def test_everything_durable_survives_a_restart(place: FilePlace) -> None:
    await settle(place.store.durable)
    await place.store.durable.consents.save_consent("s1", "app", "p", Said(frozenset({"openid"})), NOW)
    key = await place.store.durable.people.namespace_key("google", "g")
    await place.reopen()
    again = place.store.durable
    assert (await again.people.adopt(account("s2"), link())).account.sub == "s1"
    assert await again.grants.find("g1", now=NOW) is not None
    assert await again.consents.consent("s1", "app", "p") == Said(frozenset({"openid"}))
    assert await again.people.namespace_key("google", "g") == key
    assert await again.grants.rotate("t1", token("t2"), now=NOW, grace=1) is not None


async def test_the_memory_is_forgotten_and_never_shared() -> None:
    one, two = [await SqliteStore.open(":memory:", clock=Clock()) for _ in range(2)]
    await one.transient.put(Kind.CODE, "k", b"v", ttl=60)
    assert await one.transient.get(Kind.CODE, "k") == b"v"
    assert await two.transient.get(Kind.CODE, "k") is None
    await one.close()
    await two.close()
