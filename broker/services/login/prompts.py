"""Answers that come by no redirect: of a prompt on our own login page (Google One Tap), and of a chat with a bot.

Whose they are, and what their word is worth.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from broker.core.errors import FlowGone, UpstreamDenied, UpstreamInvalid
from broker.core.people.identity import Identity
from broker.services.providers import ProviderInstance
from broker.upstream.abilities import SignsInByBot
from broker.upstream.model import Channel, Flow, Reply

_SELECT_BY: Final = re.compile("[a-z0-9_]{1,32}")


async def identify_prompted(instance: ProviderInstance, flow: Flow, reply: Reply, deadline: float) -> Identity:
    """Whose it is; raises UpstreamError. Its upstream may have given it without asking anybody anything.

    So it has an `auth_time` of 0, which is not known, unless the upstream signs one. `deadline` in seconds.
    """
    prompts = instance.abilities.prompts
    if prompts is None or reply.via is not Channel.CREDENTIAL:
        raise UpstreamInvalid(f"what the prompt of {instance.name} began does not end by {reply.via}")
    finishing = prompts.finish_prompt(flow, reply.params.get("credential", ""))
    identity = await instance.in_time(finishing, deadline)
    return identity if identity.auth_time is not None else replace(identity, auth_time=0)


def select_by(reply: Reply) -> str:
    """By which of its ways the prompt was answered, or "": the upstream's unsigned word, for the log alone."""
    said = reply.params.get("select_by", "")
    return said if _SELECT_BY.fullmatch(said) else ""


def identify_in_chat(bot: SignsInByBot, reply: Reply) -> Identity:
    """Who answered in a chat with this bot; raises UpstreamDenied where nobody is let in, FlowGone where nobody did."""
    if late := reply.params.get("late"):
        raise FlowGone(late)
    if refused := reply.params.get("refused"):
        raise UpstreamDenied(refused)
    return bot.identify(reply.params)
