"""The three people of the demo, and how to make more. Each has an account at every upstream, the same human everywhere.

Their ids are above 2^31 and partly above 2^53, so a provider that squeezes one into a number is found out. Ada has the
same address at Google, VK and OK: the broker must still see three people there until she links them.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any


@dataclass(frozen=True, slots=True)
class Person:
    """One human. Empty text means that the person has none; `emails` overrides `email` for an upstream by its type.

    `ids` holds the subject at each upstream, `birthday` is `YYYY-MM-DD` or `--MM-DD` where the year is hidden, `phone`
    is E.164, `gender` is `female`, `male` or empty. `more` are further claims of OIDC Core 5.1.
    """

    key: str
    ids: Mapping[str, str]
    given_name: str
    family_name: str = ""
    username: str = ""
    email: str = ""
    emails: Mapping[str, str] = field(default_factory=dict)
    phone: str = ""
    birthday: str = ""
    gender: str = ""
    locale: str = "en"
    picture: str = ""
    more: Mapping[str, object] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The full name as people write it."""
        return f"{self.given_name} {self.family_name}".strip()

    def id_at(self, upstream: str) -> str:
        """The subject at this upstream: the one in `ids`, else a number above 2^31 that follows from `key`."""
        return self.ids.get(upstream) or str(7_000_000_000 + zlib.crc32(f"{upstream} {self.key}".encode()))

    def email_at(self, upstream: str) -> str:
        """The address this upstream knows, or ""."""
        return self.emails.get(upstream, self.email)


def _ids(ending: str, **others: str) -> dict[str, str]:
    """An id at every upstream, all with this ending, or another one there."""
    return {
        "google": f"1{ending:0>20}",
        "vk": f"50000000{ending}",
        "ok": f"5619992091{ending}",
        "yandex": f"30000344{ending}",
        "telegram": f"50000000{ending}",
        "oidc": f"8a0f7c2e-51d4-4b7e-9f00-{ending:0>12}",
    } | others


ADA = Person(
    key="ada",
    ids=_ids("42"),
    given_name="Ada",
    family_name="Lovelace",
    username="ada_lovelace",
    email="ada.lovelace@gmail.com",
    emails={"yandex": "ada.lovelace@yandex.ru", "telegram": ""},
    phone="+79991234542",
    birthday="1990-12-10",
    gender="female",
    locale="en",
    picture="ada",
    more={
        "middle_name": "King",
        "nickname": "ada",
        "profile": "https://sso.example.com/people/ada",
        "picture": "https://sso.example.com/people/ada.png",
        "website": "https://ada.example.com/",
        "zoneinfo": "Europe/London",
        "updated_at": 1_700_000_000,
        "address": {
            "formatted": "12 St James's Square, London SW1Y 4JH, United Kingdom",
            "street_address": "12 St James's Square",
            "locality": "London",
            "region": "England",
            "postal_code": "SW1Y 4JH",
            "country": "United Kingdom",
        },
    },
)

BORIS = Person(
    key="boris",
    ids=_ids("43"),
    given_name="Борис",
    username="",
    locale="ru",
    gender="male",
)

ZOE = Person(
    key="zoe",
    ids=_ids(
        "44", vk="9007199254740993", ok="9007199254740993", yandex="9007199254740993", telegram="4503599627370495"
    ),
    given_name="Zoë <b>&amp;\"'",
    family_name="O'Müller & Søn 🚀",
    username="zoe_m",
    email="zoe+odd&co@example.org",
    emails={"telegram": ""},
    phone="+491511234567",
    birthday="--02-29",
    locale="de",
    picture="a&b=c/zoë",
)

PEOPLE: tuple[Person, ...] = (ADA, BORIS, ZOE)


class UnknownPerson(LookupError):
    """A key that nobody here has; the text names those there are."""

    def __init__(self, key: str, people: Mapping[str, Person]) -> None:
        super().__init__(f"no person {key}; there are {', '.join(sorted(people))}")


def make_person(key: str, **about: Any) -> Person:
    """A person with these fields of `Person`; `ids`, and the first name where it is not given, follow from `key`.

    The same key makes the same ids again, above 2^31; the keys of the three have theirs.
    """
    known = {person.key: person.ids for person in PEOPLE}
    number = 6_000_000_000 + zlib.crc32(key.encode())
    ids = dict.fromkeys(("vk", "ok", "yandex", "telegram"), str(number))
    ids |= {"google": f"1{number:020}", "oidc": sha256(key.encode()).hexdigest()[:32]}
    return Person(key, known.get(key, ids), about.pop("given_name", key.title()), **about)
