"""What apps, people and attackers do with a running broker."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2

from broker.core.authorize.pkce import build_challenge
from broker.demo.visitor import Page, Visitor
from broker.upstream.exchange import tls_context
from tests.threats.site import Site

VERIFIER = "v" * 64
CHALLENGE = build_challenge(VERIFIER)
ELSEWHERE = ("https://", "com.")


def new_visitor(**more: Any) -> Visitor:
    """A browser for which apps exist only as addresses."""
    return Visitor(**{"stops": ELSEWHERE, **more})


def request_for(site: Site, client_id: str = "app", /, **changes: str | None) -> dict[str, str]:
    """An authorization request that is good as it stands; None takes a parameter out."""
    few = client_id in {"limited", "native", "packaged", "loopback", "relaxed"}
    request = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": site.redirect_uri(client_id),
        "scope": "openid" if few else "openid profile offline_access",
        "state": secrets.token_urlsafe(12),
        "nonce": secrets.token_urlsafe(12),
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **changes,
    }
    return {name: value for name, value in request.items() if value is not None}


def authorize_url(site: Site, client_id: str = "app", /, **changes: str | None) -> str:
    """The same as a link."""
    return f"{site.issuer}/authorize?{urlencode(request_for(site, client_id, **changes))}"


async def walk(page: Page, visitor: Visitor, person: str = "ada") -> Page:
    """Through the upstream's chooser and our consent page, wherever that ends."""
    if page.has(f"person-{person}"):
        page = await visitor.click(f"person-{person}")
    if page.has("allow"):
        page = await visitor.click("allow")
    return page


async def sign_in(
    site: Site, visitor: Visitor, client_id: str = "app", person: str = "ada", **changes: str | None
) -> Page:
    """A login from the app's link to the app's redirect URI, or to wherever it ends."""
    changes.setdefault("idp_hint", "google")
    return await walk(await visitor.get(authorize_url(site, client_id, **changes)), visitor, person)


async def code_for(
    site: Site, visitor: Visitor | None = None, client_id: str = "app", person: str = "ada", **changes: str | None
) -> str:
    """A fresh authorization code."""
    if visitor is None:
        async with new_visitor() as fresh:
            return await code_for(site, fresh, client_id, person, **changes)
    page = await sign_in(site, visitor, client_id, person, **changes)
    if page.has("new"):  # asked whether they have an account
        page = await visitor.click("new")
    assert page.status == 0, f"{page.url} {page.status} {page.title}"
    assert "code" in page.params, page.params
    return page.params["code"]


async def until_callback(
    site: Site, visitor: Visitor, provider: str = "google", client_id: str = "app", person: str = "ada", **more: str
) -> str:
    """The address of the callback with the upstream's answer, not yet visited; cookies are the visitor's."""
    before, visitor.stops = visitor.stops, (*ELSEWHERE, f"{site.issuer}/callback/")
    page = await walk(await visitor.get(authorize_url(site, client_id, idp_hint=provider, **more)), visitor, person)
    visitor.stops = before
    assert page.url.startswith(f"{site.issuer}/callback/"), f"{page.url} {page.status} {page.title}"
    return page.url


def back(page: Page) -> dict[str, str]:
    """What the app was told; nothing when the browser never left for the app."""
    return page.params if page.status == 0 else {}


def query_of(url: str) -> dict[str, str]:
    """Query and fragment of an address in one."""
    parts = urlsplit(url)
    return dict(parse_qsl(parts.query)) | dict(parse_qsl(parts.fragment))


def http(site: Site, **more: Any) -> httpx2.AsyncClient:
    """An app's back channel, or an attacker's tool: follows nothing and keeps no cookies."""
    # Without `verify` each would read the system's authorities, which takes longer than what most of them do.
    return httpx2.AsyncClient(base_url=site.issuer, timeout=30, trust_env=False, verify=tls_context(None), **more)


def proof(site: Site, client_id: str) -> dict[str, Any]:
    """How this client proves itself, as arguments of a POST."""
    settings = site.config["clients"][client_id]
    method = settings.get("auth_method", "client_secret_basic")
    if method == "client_secret_basic":
        return {"auth": (client_id, settings["secret"]), "form": {}}
    secret = {"client_secret": settings["secret"]} if method == "client_secret_post" else {}
    return {"auth": None, "form": {"client_id": client_id} | secret}


async def ask_token(
    site: Site, client: httpx2.AsyncClient, client_id: str = "app", dpop: str = "", /, **form: str | None
) -> httpx2.Response:
    """A token request of this client, with a proof of possession or without."""
    return await post_as(site, client, client_id, "/token", dpop, **form)


async def post_as(
    site: Site, client: httpx2.AsyncClient, client_id: str, path: str, dpop: str = "", /, **form: str | None
) -> httpx2.Response:
    """A form posted by a client that proves itself."""
    proven = proof(site, client_id)
    fields = {name: value for name, value in {**proven["form"], **form}.items() if value is not None}
    return await client.post(
        f"{site.issuer}{path}", data=fields, auth=proven["auth"], headers={"DPoP": dpop} if dpop else {}
    )


async def push(
    site: Site, client: httpx2.AsyncClient, client_id: str = "app", /, **changes: str | None
) -> httpx2.Response:
    """A client pushes an authorization request."""
    return await post_as(site, client, client_id, "/par", **request_for(site, client_id, **changes))


async def pushed(site: Site, client_id: str = "app", /, **changes: str | None) -> str:
    """The request_uri of a good request."""
    async with http(site) as client:
        answer = await push(site, client, client_id, **changes)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["request_uri"])


async def introspect(site: Site, client: httpx2.AsyncClient, token: str, client_id: str = "app") -> dict[str, Any]:
    """What a client is told about a token."""
    answer = await post_as(site, client, client_id, "/introspect", token=token)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store"), answer.text
    found: dict[str, Any] = answer.json()
    return found


async def revoke(site: Site, client: httpx2.AsyncClient, token: str, client_id: str = "app", **more: str) -> None:
    """A client gives a token back; whatever it was, it hears nothing about it."""
    answer = await post_as(site, client, client_id, "/revoke", token=token, **more)
    assert (answer.status_code, answer.headers["cache-control"], answer.content) == (200, "no-store", b"")


async def own_token(site: Site, client: httpx2.AsyncClient, client_id: str = "robot") -> str:
    """An access token a client gets for itself."""
    answer = await ask_token(site, client, client_id, grant_type="client_credentials")
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


async def redeem(
    site: Site, client: httpx2.AsyncClient, code: str, client_id: str = "app", **changes: str | None
) -> httpx2.Response:
    """The token request for a code; None takes a parameter out."""
    form: dict[str, str | None] = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER}
    return await ask_token(site, client, client_id, **{**form, "redirect_uri": site.redirect_uri(client_id), **changes})


async def refresh(
    site: Site, client: httpx2.AsyncClient, token: str, client_id: str = "app", **more: str
) -> httpx2.Response:
    """A refresh."""
    return await ask_token(site, client, client_id, grant_type="refresh_token", refresh_token=token, **more)


async def tokens_for(
    site: Site, client_id: str = "app", person: str = "ada", visitor: Visitor | None = None, **changes: str | None
) -> dict[str, Any]:
    """Everything a complete login gives an app."""
    code = await code_for(site, visitor, client_id, person, **changes)
    async with http(site) as client:
        answer = await redeem(site, client, code, client_id)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def userinfo(site: Site, client: httpx2.AsyncClient, access_token: str) -> httpx2.Response:
    """The claims behind a token."""
    return await client.get(f"{site.issuer}/userinfo", headers={"Authorization": f"Bearer {access_token}"})


@dataclass(frozen=True)
class RawAnswer:
    """An HTTP answer as bytes. `status` 0: the connection was closed without one."""

    raw: bytes
    status: int = 0
    headers: Mapping[str, list[str]] = field(default_factory=dict)
    body: bytes = b""


async def send_raw(site: Site, *parts: bytes, pause: float = 0.0, timeout: float = 15.0) -> RawAnswer:
    """Exactly these bytes over a fresh connection, and whatever comes back until the broker hangs up or is silent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)
        raw = await asyncio.wait_for(_read_answer(reader), timeout)
    except ConnectionError:
        raw = b""
    finally:
        writer.close()
    return parse_raw(raw)


async def _read_answer(reader: asyncio.StreamReader) -> bytes:
    raw = b""
    while chunk := await reader.read(65536):
        raw += chunk
        head, found, body = raw.partition(b"\r\n\r\n")
        length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        if found and length and len(body) >= int(length[0].partition(b":")[2]):
            break
    return raw


def parse_raw(raw: bytes) -> RawAnswer:
    """Status, headers by lower-case name, body."""
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    if not first.startswith("HTTP/1.1 "):
        return RawAnswer(raw)
    headers: dict[str, list[str]] = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers.setdefault(name.lower(), []).append(value.strip())
    return RawAnswer(raw, int(first.split(" ")[1]), headers, body)


def get_bytes(site: Site, target: str | bytes, *lines: str, method: str = "GET", host: str | None = None) -> bytes:
    """A request as bytes; `target` as it is, `lines` are further header lines."""
    raw = target if isinstance(target, bytes) else target.encode("latin-1")
    head = [f"Host: {site.host if host is None else host}", *lines, "Connection: close"]
    return method.encode() + b" " + raw + b" HTTP/1.1\r\n" + "\r\n".join(head).encode("latin-1") + b"\r\n\r\n"


def post_bytes(site: Site, target: str, body: bytes, *lines: str, kind: str | None = None) -> bytes:
    """A POST as bytes; the content type is a form's unless `kind` says otherwise, "" leaves it out."""
    content = "application/x-www-form-urlencoded" if kind is None else kind
    head = [f"Content-Type: {content}"] if content else []
    return get_bytes(site, target, *head, f"Content-Length: {len(body)}", *lines, method="POST") + body
