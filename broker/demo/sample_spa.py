"""The sample app's third half: a single page that signs people in by a popup. Nothing of it is on the server."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from starlette.responses import HTMLResponse, Response

from broker.demo.pages import environment
from broker.demo.sample_texts import SPA_TEXTS
from broker.web.popup import BOUND, FOLDER, load_script


@dataclass(frozen=True, slots=True)
class GoogleButton:
    """Google's own button on the page: its script, the client id of the broker there, and the provider's name."""

    script: str
    client_id: str
    provider: str


class SinglePage:
    """The page at /spa, which is its redirect URI as well."""

    def __init__(self, issuer: str, client_id: str, google: GoogleButton | None = None) -> None:
        """With `google`, the page exchanges what Google's button gives it for tokens of the broker (RFC 8693)."""
        self._google = google
        self._issuer = issuer
        self._client_id = client_id
        self._scripts = {"broker-popup": load_script(), "broker-popup/dpop": load_script(FOLDER / BOUND)}

    def show(self, language: str) -> Response:
        """The same for everybody: who is signed in, only their browser knows."""
        page = environment().get_template("spa.html")
        at = {name: f"{self._issuer}/popup/{script.name}" for name, script in self._scripts.items()}
        html = page.render(
            texts=SPA_TEXTS[language],
            language=language,
            other="en" if language == "ru" else "ru",
            imports=at,
            integrity={at[name]: script.integrity for name, script in self._scripts.items()},
            google=asdict(self._google) if self._google else None,
            app={"issuer": self._issuer, "client_id": self._client_id, "scope": "openid profile email offline_access"},
        )
        return HTMLResponse(html, headers={"Cache-Control": "no-store"})
