"""Which `sub` and `sid` a client sees: the account's own `sub`, or ones that no other sector sees (OIDC Core 8)."""

from __future__ import annotations

from dataclasses import replace

from broker.core.clients.client import Client
from broker.core.people.identity import Account
from broker.core.people.subject import SALT_SIZE, build_pairwise, build_sector_sid
from broker.core.seal import Seal
from broker.core.terms import SubjectType
from broker.services.context import Context
from broker.store.keys import KeyStore

_NAME = "pairwise salt"
_BOUND = _NAME.encode()


class Subjects:
    """Turns an account into what one client calls it. Only this side of the broker knows both."""

    def __init__(self, salt: bytes) -> None:
        """`salt` is the one of this installation; with another one everybody would be somebody else."""
        self._salt = salt

    def of(self, sub: str, client: Client) -> str:
        """The `sub` of this account at this client."""
        if client.tokens.subject_type is SubjectType.PUBLIC:
            return sub
        return build_pairwise(self._salt, client.tokens.sector, sub)

    def account_of(self, account: Account, client: Client) -> Account:
        """The account by the names that this client knows, or may know from before a merge."""
        former = tuple([self.of(sub, client) for sub in account.former])
        return replace(account, sub=self.of(account.sub, client), former=former)

    def is_name_of(self, sub: str, account: Account, client: Client) -> bool:
        """Whether this client knows the account by this `sub`, or may from before a merge."""
        known = self.account_of(account, client)
        return sub == known.sub or sub in known.former

    def sid_of(self, sid: str, client: Client) -> str:
        """The name of this session of ours at this client, "" where it has no use for one.

        Only those who hear of logouts by it have (OIDC Back-Channel Logout 2.1, Front-Channel Logout 3), and no two
        sectors can tell by it that they know the same browser.
        """
        return build_sector_sid(self._salt, client.tokens.sector, sid) if client.logout.hears else ""


async def open_subjects(context: Context, keys: KeyStore, seal: Seal) -> Subjects:
    """The salt of this installation, made on first sight; raises SealBroken when another master key sealed it.

    `seal` has the purpose "pairwise". What an older master key sealed is sealed anew with the current one, so that the
    old one may be taken out of the configuration after a start.
    """
    kept = await keys.secret(_NAME)
    if kept is None:
        fresh = context.randomness(SALT_SIZE)
        kept = await keys.save_secret(_NAME, seal.seal(fresh, bound_to=_BOUND), replacing=None)
    salt = seal.open_(kept, bound_to=_BOUND)
    if not seal.is_current(kept):
        await keys.save_secret(_NAME, seal.seal(salt, bound_to=_BOUND), replacing=kept)
    return Subjects(salt)
