"""oidc-agent (Debian) gets tokens for programs of the command line, as a client without a secret."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import httpx2
import jwt
import pytest

from tests.interop.agent import Agent, Refused, running_agent
from tests.interop.world import AGENT, INITIAL_TOKEN, World, confirm, free_ports

pytestmark = pytest.mark.interop
SCOPE = "openid profile offline_access"


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    """It knows no account yet."""
    with running_agent(tmp_path) as running:
        yield running


def subject_behind(world: World, access_token: str) -> str:
    """Who it speaks for, as the broker sees it."""
    answer = httpx2.get(f"{world.issuer}/userinfo", headers={"Authorization": f"Bearer {access_token}"})
    return str(answer.json()["sub"])


def visiting(world: World) -> Callable[[str, Callable[[], str]], None]:
    """Signs in with a fresh browser, which the agent's own web server thanks."""

    def visit(url: str, _: Callable[[], str]) -> None:
        assert "Success" in world.sign_in(url).text

    return visit


def test_oidc_agent_signs_in_through_a_browser_and_refreshes_until_it_is_told_not_to(
    world: World, agent: Agent
) -> None:
    options = ("mine", f"--iss={world.issuer}", f"--client-id={AGENT}", "--client-secret=", f"--scope={SCOPE}")
    redirect = f"--redirect-uri=http://localhost:{world.ports.agent}"
    agent.generate(*options, "--flow=code", redirect, visit=visiting(world))
    subject = world.broker.login("google", "ada").claims["sub"]
    first, fresh = agent.token("mine").stdout.strip(), agent.token("mine", "--force-new").stdout.strip()
    assert first != fresh
    assert subject_behind(world, first) == subject_behind(world, fresh) == subject
    claims = jwt.decode(agent.token("mine", "--id-token").stdout.strip(), options={"verify_signature": False})
    assert (claims["iss"], claims["aud"], claims["sub"]) == (world.issuer, AGENT, subject)

    assert httpx2.post(f"{world.issuer}/revoke", data={"client_id": AGENT, "token": fresh}).status_code == 200
    refused = agent.token("mine", "--force-new")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "invalid_grant" in refused.stderr


def test_oidc_agent_registers_itself_with_a_token_of_the_operators(world: World, agent: Agent) -> None:
    (port,) = free_ports(["redirect"]).values()
    redirect = f"--redirect-uri=http://localhost:{port}"
    options = ("mine", f"--iss={world.issuer}", f"--scope={SCOPE}", "--flow=code", redirect)
    with pytest.raises(Refused, match="invalid_token"):
        agent.generate(*options, "--access-token=guessed", visit=visiting(world))
    agent.generate(*options, f"--access-token={INITIAL_TOKEN}", visit=visiting(world))
    claims = jwt.decode(agent.token("mine", "--id-token").stdout.strip(), options={"verify_signature": False})
    assert claims["aud"] not in world.broker.clients
    assert claims["sub"] == world.broker.login("google", "ada").claims["sub"]


def test_oidc_agent_waits_until_somebody_has_allowed_it_in_a_browser_elsewhere(world: World, agent: Agent) -> None:
    def visit(url: str, read_line: Callable[[], str]) -> None:
        while not (code := re.search(r"\b[A-Z]{4}-[A-Z]{4}\b", read_line())):
            pass
        assert world.run(confirm(f"{url}?{urlencode({'user_code': code[0]})}", "allow")).has("done")

    options = ("mine", f"--iss={world.issuer}", f"--client-id={AGENT}", "--client-secret=", f"--scope={SCOPE}")
    agent.generate(*options, "--flow=device", visit=visit)
    subject = world.broker.login("google", "ada").claims["sub"]
    assert subject_behind(world, agent.token("mine").stdout.strip()) == subject
    assert subject_behind(world, agent.token("mine", "--force-new").stdout.strip()) == subject
