"""Which account somebody uses (`prompt=select_account`, OIDC Core 3.1.2.1): what apps and our own pages wish for."""

from __future__ import annotations

from broker.core.records import AuthorizationRequest
from broker.core.terms import Prompt

ANOTHER_PERSON = "~"  # as a hint no provider's name: whoever this browser knows is not offered again


def for_another(request: AuthorizationRequest) -> AuthorizationRequest:
    """The same request for somebody else than this browser knows: they choose a provider, and an account there."""
    return choosing(request.replace(idp_hint=ANOTHER_PERSON))


def choosing(request: AuthorizationRequest) -> AuthorizationRequest:
    """With the wish to choose an account, which a silent request has no place for."""
    if {Prompt.NONE, Prompt.SELECT_ACCOUNT} & set(request.prompt):
        return request
    return request.replace(prompt=(*request.prompt, Prompt.SELECT_ACCOUNT))


def as_chosen(request: AuthorizationRequest) -> AuthorizationRequest:
    """The request once the person has chosen the account that they are logged in to."""
    return request.replace(prompt=tuple([word for word in request.prompt if word != Prompt.SELECT_ACCOUNT]))
