"""Code for an app, taken from where the documentation shows it: docs/how-to/integrate.md is its one place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

_BROKER: Final = Path(__file__).parents[1]
ISSUER, CLIENT_ID, SITE = "https://id.example.com", "shop-web", "https://shop.example.com"


@dataclass(frozen=True, slots=True)
class Snippet:
    """One library's section of the page.

    `site` and `path` are where its app of the page lives and answers; `fixed` where the library chose the path itself.
    `home` is the path people come back to after a logout of everything, None where the library has none. `refreshes`:
    it asks for offline_access. `secret` names the variable of the environment with the client's secret, `environment`
    those with secrets of its own. `blocks` of code are the app.
    """

    heading: str
    path: str
    fixed: bool = False
    home: str | None = None
    refreshes: bool = True
    site: str = SITE
    client_id: str = CLIENT_ID
    secret: str = "OIDC_SECRET"
    environment: tuple[str, ...] = ("SESSION_SECRET",)
    blocks: int = 1

    @property
    def code(self) -> str:
        """Its code as the page shows it."""
        return "\n".join(blocks_of(self.heading)[: self.blocks])

    def fill(self, issuer: str, client_id: str, redirect_uri: str) -> str:
        """Its code with one's own values in place of the examples."""
        site = origin_of(redirect_uri)
        own = {f"{self.site}{self.path}": redirect_uri, self.site: site, ISSUER: issuer, self.client_id: client_id}
        own[urlsplit(ISSUER).netloc] = urlsplit(issuer).netloc
        examples = "|".join(re.escape(example) for example in own)  # the longest first, all in one pass
        return re.sub(examples, lambda found: own[found[0]], self.code)


SNIPPETS: Final[Mapping[str, Snippet]] = {
    "authjs": Snippet(
        "### Auth.js", "/auth/callback/example-id", fixed=True, refreshes=False, environment=("AUTH_SECRET",)
    ),
    "express": Snippet("### express-openid-connect", "/callback", fixed=True, home=""),
    "fastapi": Snippet("### FastAPI, Starlette, Flask with Authlib", "/auth/callback", home="/"),
    "flask-dance": Snippet("### Flask-Dance", "/login/example-id/authorized", fixed=True),
    "go": Snippet("### go-oidc", "/auth/callback", environment=()),
    "oauth2-proxy": Snippet(
        "### oauth2-proxy",
        "/oauth2/callback",
        fixed=True,
        site="https://wiki.example.com",
        client_id="wiki-proxy",
        secret="OAUTH2_PROXY_CLIENT_SECRET",
        environment=("OAUTH2_PROXY_COOKIE_SECRET",),
    ),
    "openid-client": Snippet("### Node with openid-client", "/auth/callback", home="/"),
    "passport": Snippet("### passport-openidconnect", "/auth/callback", refreshes=False),
    "spring": Snippet(
        "### Spring Boot", "/login/oauth2/code/example-id", fixed=True, home="", environment=(), blocks=2
    ),
}
"""By the names of `broker client add --for`."""


def page() -> str:
    """The page: beside the package in a repository, inside it where it was installed."""
    installed = _BROKER / "_integrate.md"
    kept = installed if installed.exists() else _BROKER.parent / "docs" / "how-to" / "integrate.md"
    return kept.read_text(encoding="utf-8")


def blocks_of(heading: str) -> list[str]:
    """The blocks of code under a heading, up to the next one; raises LookupError for a heading that is not there."""
    _, found, rest = page().partition(f"\n{heading}\n")
    if not found:
        raise LookupError(f"docs/how-to/integrate.md has no {heading!r}")
    section = rest.partition("\n## ")[0].partition("\n### ")[0]
    return [block.partition("\n")[2] for block in section.split("```")[1::2]]


def origin_of(uri: str) -> str:
    """Scheme, host and port of an address."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}"
