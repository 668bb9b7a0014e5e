"""The sample app's third half: a single page that signs people in by a popup. Nothing of it is on the server."""

from __future__ import annotations

from starlette.responses import HTMLResponse, Response

from broker.demo.pages import environment
from broker.demo.sample_texts import SPA_TEXTS
from broker.web.popup import load_script


class SinglePage:
    """The page at /spa, which is its redirect URI as well."""

    def __init__(self, issuer: str, client_id: str) -> None:
        self._issuer = issuer
        self._client_id = client_id
        self._script = load_script()

    def show(self, language: str) -> Response:
        """The same for everybody: who is signed in, only their browser knows."""
        page = environment().get_template("spa.html")
        html = page.render(
            texts=SPA_TEXTS[language],
            language=language,
            other="en" if language == "ru" else "ru",
            script={"url": f"{self._issuer}/popup/{self._script.name}", "integrity": self._script.integrity},
            app={"issuer": self._issuer, "client_id": self._client_id, "scope": "openid profile email offline_access"},
        )
        return HTMLResponse(html, headers={"Cache-Control": "no-store"})
