"""Tokens for the admin API, and the use cases that make, list and revoke them: at the machine alone (ADR 71)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from broker.core.errors import InvalidRequest
from broker.core.operators.question import Parameter, Reach, UseCase

PREFIX: Final = "broker_admin_"  # what scanners for secrets look for, in front of 43 characters of base64url
LIFETIME: Final = "90d"  # where nobody says
LONGEST_LIFETIME: Final = 366 * 86400  # seconds
SCOPES: Final = {"read": Reach.READ, "write": Reach.WRITE}
_TOKEN = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
_LIFETIME = re.compile(r"([0-9]{1,6})(m|h|d)")
_SECONDS = {"m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class AdminToken:
    """As it is kept: `digest` instead of the token itself. Epoch seconds; `used_at` is at most a minute late.

    `by`: who made it.
    """

    name: str
    digest: str
    scope: str
    created_at: int
    by: str
    expires_at: int
    used_at: int | None = None

    @property
    def may(self) -> Reach:
        """How far it goes."""
        return SCOPES[self.scope]


TOKENS: Final = (
    UseCase(
        "admin.token.new",
        "Make a token for the admin API. It is shown this once.",
        writes=True,
        own=(
            Parameter(
                "name",
                "What the audit stream calls it: up to 32 of a-z, 0-9, '.', '_' and '-'.",
                required=True,
                named=False,
            ),
            Parameter(
                "scope",
                "`read`: ask; `write`: change something, too.",
                required=True,
                choices=tuple(SCOPES),
            ),
            Parameter("expires", f"How long it is good for: `12h`, `30d`; {LIFETIME} where nobody says, 366d at most."),
        ),
        here=True,
    ),
    UseCase(
        "admin.token.list",
        "List the tokens for the admin API, with those that have expired: who made them, and when they were used last.",
        writes=False,
        own=(),
        here=True,
    ),
    UseCase(
        "admin.token.revoke",
        "Revoke a token for the admin API: it opens nothing from now on, on every node.",
        writes=True,
        own=(Parameter("name", "The token, as `admin token list` names it.", required=True, named=False),),
        here=True,
    ),
)


def is_token(text: str) -> bool:
    """Whether it has the form of one: what has not is not looked up."""
    return _TOKEN.fullmatch(text) is not None


def check_name(name: str) -> None:
    """Raise InvalidRequest unless it may be a token's name."""
    if not _NAME.fullmatch(name):
        raise InvalidRequest("name is up to 32 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit")


def parse_lifetime(text: str) -> int:
    """Seconds from `15m`, `12h` or `30d`; raises InvalidRequest."""
    found = _LIFETIME.fullmatch(text)
    seconds = int(found[1]) * _SECONDS[found[2]] if found else 0
    if not 1 <= seconds <= LONGEST_LIFETIME:
        raise InvalidRequest("expires is a time with its unit, as 12h or 30d, and 366d at most")
    return seconds
