"""`python -m benchmarks.sql_shapes.run postgresql://...`: CPU of this process per login, in turns, medians.

The database is emptied. A login here is what the durable store does in one: person, update_link, is_ended, redeem and
live (userinfo), then refresh_token, live and rotate. `adopt` is the first login's besides.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import defaultdict
from hashlib import sha256
from itertools import count
from statistics import median

import psycopg

from benchmarks.sql_shapes.contenders import POSTGRESQL, SCHEMA, SQLITE, Contender, psycopg_generators
from benchmarks.sql_shapes.statements import Login

NOW = 1_800_000_000
CLAIMS = '{"name":"Ann","given_name":"Ann","email":"ann@example.org","email_verified":true,"locale":"nl"}'
BODY = b"x" * 420
PEOPLE = 500
OPERATIONS = ("person", "update_link", "is_ended", "redeem", "live", "refresh_token", "live", "rotate")
_numbers = count(1)


def make(number: int, person: int) -> Login:
    """The columns of login `number` of that person; as ours, keys are random, so that neighbours lie far apart."""
    sub, subject, key = f"sub-{person:08}", f"subject-{person:08}", sha256(str(number).encode()).hexdigest()[:32]
    return Login(
        account=(sub, NOW, 0),
        link=("google", CLAIMS, '{"id":"1"}', NOW, "p1", subject, sub),
        grant=(f"{key}g", f"{key}c", sub, "p1", subject, NOW + 9999, f"{key}s", "", 1, BODY),
        token=(f"{key}t", f"{key}g", NOW, NOW + 999),
        client=(f"{key}s", "app", sub, 1, "p1", subject, "", NOW + 999),
    )


def call(name: str, number: int, login: Login) -> tuple[bool, tuple[object, ...]]:
    """Whether the operation of that name needs a transaction, and its arguments."""
    code, digest = login.grant[1], login.token[0]
    match name:
        case "person":
            return False, ("p1", login.link[5])
        case "update_link":
            return False, ((*login.link[:3], NOW + number, *login.link[4:6]),)
        case "is_ended":
            return False, (login.client[0], NOW)
        case "redeem":
            return True, (code, login, NOW)
        case "live":
            return False, (login.grant[0], NOW)
        case "refresh_token":
            return False, (digest,)
        case "rotate":
            return True, (digest, (f"{digest}2", *login.token[1:]), NOW, 10)
    raise ValueError(name)


async def log_in(contender: Contender, spent: dict[str, float] | None = None) -> None:
    """One login; with `spent`, CPU seconds are added to it by operation."""
    number = next(_numbers)
    login = make(number, number % PEOPLE)
    for name in OPERATIONS:
        writes, args = call(name, number, login)
        began = time.process_time()
        answer = await (contender.write if writes else contender.read)(name, *args)
        if spent is not None:
            spent[name] += time.process_time() - began
        if answer is None and name != "update_link":
            raise RuntimeError(f"{name} found nothing")


async def burst(contender: Contender, logins: int, callers: int) -> float:
    """Microseconds of this process's CPU per login, with so many callers at once."""
    left = iter(range(logins))

    async def visit() -> None:
        for _ in left:
            await log_in(contender)

    began = time.process_time()
    await asyncio.gather(*(visit() for _ in range(callers)))
    return (time.process_time() - began) / logins * 1e6


async def race(url: str, isolation: str) -> str:
    """Fifty rotations of one refresh token at once with fifty children: how many win, and after how many retries."""
    contender = psycopg_generators(isolation)
    await contender.open(url)
    number = next(_numbers)
    login = make(number, number % PEOPLE)
    await contender.write("redeem", login.grant[1], login, NOW)
    children = [(f"race-{number}-{child}", *login.token[1:]) for child in range(50)]
    answers = await asyncio.gather(*(contender.write("rotate", login.token[0], child, NOW, 0) for child in children))
    await contender.close()
    return f"{answers.count('rotated')} of 50 won ({contender.retries} retries)"


async def prepare(contender: Contender, url: str, logins: int) -> None:
    """Five hundred people, every statement prepared and compiled."""
    await contender.open(url)
    for person in range(PEOPLE):
        await contender.write("adopt", make(0, person))
    await burst(contender, logins, 4)
    contender.retries = 0


async def apart(contender: Contender, logins: int) -> dict[str, float]:
    """Microseconds of CPU per operation, one caller."""
    spent: dict[str, float] = defaultdict(float)
    for _ in range(logins):
        await log_in(contender, spent)
    return {name: seconds / logins / OPERATIONS.count(name) * 1e6 for name, seconds in spent.items()}


async def main(url: str, turns: int, logins: int) -> None:
    """Everything in turns; each figure is the median of its turns."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as db:
        await db.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        await db.execute(SCHEMA.replace("INTEGER", "BIGINT").replace("BLOB", "BYTEA"))
        contenders = {name: make_one() for name, make_one in (SQLITE | POSTGRESQL).items()}
        for contender in contenders.values():
            await prepare(contender, url, logins)
        await db.execute("VACUUM ANALYZE")
    figures: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in contenders}
    for _ in range(turns):
        for name, contender in contenders.items():
            figures[name]["1 caller"].append(await burst(contender, logins, 1))
            figures[name]["16"].append(await burst(contender, logins, 16))
            for operation, cpu in (await apart(contender, logins)).items():
                figures[name][operation].append(cpu)
    print(f"{'us of CPU':38}" + "".join(f"{name:>14}" for name in next(iter(figures.values()))) + "  run again")
    for name, contender in contenders.items():
        print(f"{name:38}" + "".join(f"{median(found):14.1f}" for found in figures[name].values()), end="")
        print(f"{contender.retries / turns / logins:9.2f} per login at 16")
        await contender.close()
    for isolation in ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"):
        print(f"fifty rotations at once, {isolation}: {await race(url, isolation)}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:4] or ("7", "400"))))
