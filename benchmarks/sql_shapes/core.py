"""Shape (b): SQLAlchemy Core. Statements are built once with named parameters, which is its fastest way."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, Table, Text, bindparam, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from benchmarks.sql_shapes import statements as s

_META = MetaData()


def _table(name: str, **columns: Any) -> Table:
    return Table(name, _META, *(Column(column, kind) for column, kind in columns.items()))


accounts = _table("accounts", sub=Text, created_at=BigInteger, blocked=BigInteger, deleted_at=BigInteger)
links = _table("links", provider_key=Text, subject=Text, sub=Text, provider=Text, claims=Text, raw_ids=Text,
               seen_at=BigInteger)  # fmt: skip
grants = _table("grants", id=Text, code_digest=Text, sub=Text, provider_key=Text, subject=Text, expires_at=BigInteger,
                sid=Text, upstream_sid=Text, offline=BigInteger, body=LargeBinary)  # fmt: skip
tokens = _table("refresh_tokens", digest=Text, grant_id=Text, issued_at=BigInteger, expires_at=BigInteger,
                spent_at=BigInteger, child=Text)  # fmt: skip
clients = _table("session_clients", sid=Text, client_id=Text, sub=Text, backchannel=BigInteger, provider_key=Text,
                 subject=Text, upstream_sid=Text, expires_at=BigInteger)  # fmt: skip
ended = _table("ended_sessions", sid=Text, expires_at=BigInteger)
standing = _table("standing_grants", id=Text, body=LargeBinary, expires_at=BigInteger, sub=Text, created_at=BigInteger,
                  blocked=BigInteger, provider_key=Text, subject=Text, provider=Text, claims=Text, raw_ids=Text,
                  seen_at=BigInteger)  # fmt: skip

_key, _subject, _now = bindparam("p_key"), bindparam("p_subject"), bindparam("p_now")
PERSON = (
    select(accounts.c.sub, accounts.c.created_at, accounts.c.blocked, links.c.provider_key, links.c.subject,
           links.c.provider, links.c.claims, links.c.raw_ids, links.c.seen_at)
    .join_from(links, accounts, accounts.c.sub == links.c.sub)
    .where(links.c.provider_key == _key, links.c.subject == _subject)
)  # fmt: skip
UPDATE_LINK = (
    update(links)
    .where(links.c.provider_key == _key, links.c.subject == _subject)
    .values(provider=bindparam("provider"), claims=bindparam("claims"), raw_ids=bindparam("raw_ids"),
            seen_at=bindparam("seen_at"))
)  # fmt: skip
IS_ENDED = select(1).where(ended.c.sid.in_((bindparam("p_sid"), bindparam("p_cookie"))), ended.c.expires_at > _now)
SPENT = select(grants.c.id).where(grants.c.code_digest == bindparam("p_code"))
ADD_ACCOUNT, ADD_LINK, ADD_GRANT, ADD_TOKEN = insert(accounts), insert(links), insert(grants), insert(tokens)
LIVE = select(standing.c.body, standing.c.sub, standing.c.created_at, standing.c.blocked, standing.c.provider_key,
              standing.c.subject, standing.c.provider, standing.c.claims, standing.c.raw_ids, standing.c.seen_at
              ).where(standing.c.id == bindparam("p_id"), standing.c.expires_at > _now)  # fmt: skip
STANDS = select(1).select_from(standing).where(standing.c.id == bindparam("p_id"), standing.c.expires_at > _now)
_digest = tokens.c.digest == bindparam("p_digest")
TOKEN = select(tokens.c.digest, tokens.c.grant_id, tokens.c.issued_at, tokens.c.expires_at, tokens.c.spent_at
               ).where(_digest)  # fmt: skip
FAMILY = select(tokens.c.grant_id, tokens.c.spent_at, tokens.c.child).where(_digest, tokens.c.expires_at > _now)
SPEND = update(tokens).where(_digest).values(spent_at=bindparam("p_now"), child=bindparam("p_child"))

_ACCOUNT = ("sub", "created_at", "blocked")
_LINK = ("provider", "claims", "raw_ids", "seen_at", "provider_key", "subject", "sub")
_LINK_KEYED = ("provider", "claims", "raw_ids", "seen_at", "p_key", "p_subject")
_GRANT = ("id", "code_digest", "sub", "provider_key", "subject", "expires_at", "sid", "upstream_sid", "offline", "body")
_TOKEN = ("digest", "grant_id", "issued_at", "expires_at")
_CLIENT = ("sid", "client_id", "sub", "backchannel", "provider_key", "subject", "upstream_sid", "expires_at")


def _upsert_client(dialect: Any) -> Any:
    """There is no upsert in the common part: each dialect has a construct of its own, of the same text."""
    new = dialect.insert(clients)
    others = {column.name: new.excluded[column.name] for column in clients.c if column.name not in {"sid", "client_id"}}
    return new.on_conflict_do_update(index_elements=["sid", "client_id"], set_=others)


ADD_CLIENT = {"postgresql": _upsert_client(postgresql), "sqlite": _upsert_client(sqlite)}


def _named(names: tuple[str, ...], values: s.Params) -> dict[str, object]:
    return dict(zip(names, values, strict=True))


async def person(db: Any, provider_key: str, subject: str) -> Any:
    return (await db.execute(PERSON, {"p_key": provider_key, "p_subject": subject})).first()


async def adopt(db: Any, login: s.Login) -> Any:
    known = await person(db, str(login.link[4]), str(login.link[5]))
    if known is not None:
        return known
    await db.execute(ADD_ACCOUNT, _named(_ACCOUNT, login.account))
    await db.execute(ADD_LINK, _named(_LINK, login.link))
    return login.account


async def update_link(db: Any, columns: s.Params) -> None:
    await db.execute(UPDATE_LINK, _named(_LINK_KEYED, columns))


async def is_ended(db: Any, sid: str, now: int) -> bool:
    return (await db.execute(IS_ENDED, {"p_sid": sid, "p_cookie": "cookie:", "p_now": now})).first() is not None


async def redeem(db: Any, code_digest: str, login: s.Login, now: int) -> str:
    if (await db.execute(SPENT, {"p_code": code_digest})).first() is not None:
        return "spent before"
    if await is_ended(db, str(login.client[0]), now):
        return "over"
    await db.execute(ADD_GRANT, _named(_GRANT, login.grant))
    await db.execute(ADD_TOKEN, _named(_TOKEN, login.token))
    await db.execute(ADD_CLIENT[db.dialect.name], _named(_CLIENT, login.client))
    return "redeemed"


async def live(db: Any, grant_id: str, now: int) -> Any:
    return (await db.execute(LIVE, {"p_id": grant_id, "p_now": now})).first()


async def refresh_token(db: Any, digest: str) -> Any:
    return (await db.execute(TOKEN, {"p_digest": digest})).first()


async def rotate(db: Any, digest: str, child: s.Params, now: int, grace: int) -> str:
    row = (await db.execute(FAMILY, {"p_digest": digest, "p_now": now})).first()
    if row is None or (await db.execute(STANDS, {"p_id": row[0], "p_now": now})).first() is None:
        return "dead"
    await db.execute(SPEND, {"p_now": now, "p_child": child[0], "p_digest": digest})
    await db.execute(ADD_TOKEN, _named(_TOKEN, child))
    return "rotated"


READS = {"person": person, "is_ended": is_ended, "live": live, "refresh_token": refresh_token,
         "update_link": update_link}  # fmt: skip
WRITES = {"adopt": adopt, "redeem": redeem, "rotate": rotate}
