"""What operators may ask and change about people: accounts, sessions, consents."""

from __future__ import annotations

from typing import Final

from broker.core.operators.question import AFTER, LIMIT, Kind, Parameter, UseCase

_SUB = Parameter("sub", "The account: its `sub`, or one that leads to it since a merge.", required=True, named=False)
_SID = Parameter("sid", "The session, as `session list` names it.", required=True, named=False)
_APP = Parameter("client_id", "The app.", required=True, named=False)
_WAY = Parameter("way", "The way in, as `account show` names it.", required=True, named=False)
ACCOUNT: Final = _SUB  # for use cases about something else of an account

PEOPLE: Final = (
    UseCase(
        "account.find",
        "Find accounts, in the order of their `sub`: all, or those that everything fits that is said.",
        writes=False,
        own=(
            Parameter("sub", "Its `sub`, or one that leads to it since a merge."),
            Parameter("provider", "It has a way in by this provider, as the configuration calls it now or did."),
            Parameter("subject", "Who they are there, exactly as the provider says it; with `provider`."),
            Parameter("email", "A way in gave this address, proven or not. Case is folded, ASCII only."),
            Parameter("phone", "A way in gave this number, proven or not: international, with `+`."),
            Parameter("name", "A way in gives a name with these words, or words that begin so, in this order."),
            Parameter("blocked", "It is blocked.", Kind.FLAG),
            Parameter("closing", "It is to be deleted.", Kind.FLAG),
            LIMIT,
            AFTER,
        ),
    ),
    UseCase(
        "account.show",
        "Show an account: its ways in, where it is signed in, its apps, and what happened to it last.",
        writes=False,
        own=(_SUB,),
    ),
    UseCase(
        "account.block",
        "Block an account: nobody signs in to it any more, and its sessions and grants end for good. Apps with a"
        " back-channel logout are told. Tokens that APIs check by themselves live on until they expire.",
        writes=True,
        own=(_SUB,),
    ),
    UseCase(
        "account.unblock",
        "Let the person of a blocked account sign in again. What ended when it was blocked does not come back.",
        writes=True,
        own=(_SUB,),
    ),
    UseCase(
        "account.end",
        "End every session and every grant of an account, also those that outlive their session. Its person may"
        " sign in again at once.",
        writes=True,
        own=(_SUB,),
    ),
    UseCase(
        "account.unlink",
        "Take a way in from an account, with the sessions and grants that came by it. The last that works stays.",
        writes=True,
        own=(_SUB, _WAY),
    ),
    UseCase(
        "account.merge",
        "Make another account of the same person part of this one, which stays: its ways in move here, its sessions and"
        " grants end. What was agreed to there is asked for again here. `account unlink` of such a way undoes it.",
        writes=True,
        own=(_SUB, Parameter("other", "The account that becomes part of it: its `sub`.", required=True, named=False)),
    ),
    UseCase(
        "account.delete",
        "Delete an account after `accounts.deletion_wait`, as its person could ask; sessions and grants end now.",
        writes=True,
        own=(_SUB, Parameter("at_once", "Do not wait: what is kept of it goes now.", Kind.FLAG)),
    ),
    UseCase("account.keep", "Call the deletion of an account off.", writes=True, own=(_SUB,)),
    UseCase("account.export", "Give out all that is kept of a person, as JSON.", writes=False, own=(_SUB,)),
    UseCase(
        "session.list",
        "List the sessions of an account that are alive, at most 50; or its sign-ins, newest first.",
        writes=False,
        own=(
            _SUB,
            Parameter("history", "Sign-ins instead, with those that are over, as long as they are kept.", Kind.FLAG),
            LIMIT,
            AFTER,
        ),
    ),
    UseCase(
        "session.end",
        "End one session, as a logout there would: apps are told; grants that outlive their session stay.",
        writes=True,
        own=(_SUB, _SID),
    ),
    UseCase(
        "consent.list",
        "List the apps that a person agreed to, or that hold a grant of theirs.",
        writes=False,
        own=(_SUB,),
    ),
    UseCase(
        "consent.revoke",
        "Take back what a person agreed to at an app: its grants end, and it has to ask again.",
        writes=True,
        own=(_SUB, _APP),
    ),
)
