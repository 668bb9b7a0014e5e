"""An entry for a new app, put into config.yaml without touching a letter of the rest."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import BaseModel

from broker.cli.snippets import SNIPPETS, origin_of
from broker.config.load import load_text
from broker.config.source import Document, parse, read_text
from broker.core.errors import ConfigError
from broker.core.seal import digest

DEFAULT_SCOPES = ("openid", "profile", "email")


@dataclass(frozen=True, slots=True)
class NewClient:
    """What is asked for. `secret` is empty where the method has none; `method` is a word of `AuthMethod`."""

    client_id: str
    name: str
    redirect_uris: tuple[str, ...]
    secret: str
    method: str = "client_secret"
    jwks_uri: str = ""
    first_party: bool = False
    scopes: tuple[str, ...] = ()
    post_logout: tuple[str, ...] = ()

    def entry(self, indent: int) -> str:
        """Its lines of YAML; every text is quoted as JSON, which YAML reads the same."""
        inner = " " * (indent + 2)
        lines = [" " * indent + f"{self.client_id}:", f"{inner}name: {_quoted(self.name)}", f"{inner}redirect_uris:"]
        lines += [f"{inner}  - {_quoted(uri)}" for uri in self.redirect_uris]
        if self.method != "client_secret":
            lines.append(f"{inner}auth_method: {self.method}")
        if self.secret:
            lines.append(f"{inner}secret_hashes: [sha256:{digest(self.secret)}]")
        if self.jwks_uri:
            lines.append(f"{inner}jwks_uri: {_quoted(self.jwks_uri)}")
        if self.scopes:
            lines.append(f"{inner}scopes: [{', '.join(self.scopes)}]")
        if self.post_logout:
            lines.append(f"{inner}post_logout_redirect_uris: [{', '.join(map(_quoted, self.post_logout))}]")
        if self.first_party:
            lines.append(f"{inner}first_party: true")
        return "\n".join(lines) + "\n"

    def instructions(self, issuer: str) -> str:
        """What the app's developer needs. The secret is in it, and nowhere else."""
        kept = "client_secret  " + self.secret + "   (shown this once; only its hash is kept)" if self.secret else ""
        how = {
            "client_secret": "client_secret_basic or client_secret_post, as your library does",
            "none": "none, PKCE S256",
            "private_key_jwt": f"private_key_jwt; typ client-authentication+jwt, aud {issuer}",
        }.get(self.method, self.method)
        return "\n".join(
            line
            for line in (
                f"issuer         {issuer}",
                f"discovery      {issuer}/.well-known/openid-configuration",
                f"client_id      {self.client_id}",
                kept,
                f"authentication {how}",
                f"redirect URIs  {' '.join(self.redirect_uris)}",
                f"scope          {' '.join(self.scopes or DEFAULT_SCOPES)}",
                "Identify people by `sub`; not everybody has an e-mail address.",
            )
            if line
        )

    def code(self, library: str, issuer: str) -> str:
        """That library's code with this app's values; the secrets are read from its environment."""
        snippet, uri = SNIPPETS[library], self.redirect_uris[0]
        lines = ["", f"# {snippet.heading.lstrip('# ')}, from docs/how-to/integrate.md"]
        lines += [
            f"export {snippet.secret}={self.secret}",
            *(f"export {name}=$(openssl rand -hex 16)" for name in snippet.environment),
        ]
        if snippet.fixed and not uri.endswith(snippet.path):
            lines.append(f"# It answers at {origin_of(uri)}{snippet.path} unless told otherwise; that is not {uri}")
        return "\n".join([*lines, "", snippet.fill(issuer, self.client_id, uri)])


def needs_of(library: str, new: NewClient) -> NewClient:
    """The same with what that library's code asks for: a refresh token, and where its logout leads."""
    snippet = SNIPPETS[library]
    scopes = (*DEFAULT_SCOPES, "offline_access") if snippet.refreshes else ()
    homes = () if snippet.home is None else (origin_of(new.redirect_uris[0]) + snippet.home,)
    return replace(new, scopes=scopes, post_logout=homes)


def slug(name: str, fallback: str) -> str:
    """A client_id from a name: what is left of it in a-z, 0-9 and -, or `client-` and `fallback`."""
    found = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40]
    return found or f"client-{fallback}"


def insert(path: str, new: NewClient, resolve: Callable[[str], type[BaseModel]], *, write: bool) -> str:
    """The lines that were, or would be, inserted below `clients`; raises ConfigError for an entry that is not valid."""
    file = Path(path)
    text = read_text(file)
    document = parse(text, path)
    line, indent = _place(document, text)
    entry = new.entry(indent)
    lines = text.splitlines(keepends=True)
    if line and not lines[line - 1].endswith("\n"):
        lines[line - 1] += "\n"
    changed = "".join([*lines[:line], "\n", entry, *lines[line:]])
    load_text(changed, path, resolve, environ=os.environ, base=file.absolute().parent)
    if write:
        _replace(file, changed)
    return entry


def _place(document: Document, text: str) -> tuple[int, int]:
    """(number of lines before the entry, its indentation): after the last client, before what follows it."""
    first = next((mark for path, mark in document.keys.items() if len(path) == 2 and path[0] == "clients"), None)
    if first is None or first.line == document.keys["clients",].line:
        raise ConfigError([f"{document.file}: clients: is not one client per block; paste the entry instead"])
    last = max(mark.line for path, mark in document.values.items() if path[0:1] == ("clients",))
    lines = text.splitlines()
    following = [mark.line for path, mark in document.keys.items() if len(path) == 1 and mark.line > last]
    end = min(following, default=len(lines) + 1) - 1
    while end > last and (not lines[end - 1].strip() or lines[end - 1].startswith("#")):
        end -= 1
    return end, first.column - 1


def _replace(file: Path, text: str) -> None:
    """All or nothing: a new file with the old one's mode and owner takes its place."""
    target = file.resolve()
    before = target.stat()
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            os.fchmod(out.fileno(), before.st_mode & 0o7777)
            if os.geteuid() == 0:
                os.fchown(out.fileno(), before.st_uid, before.st_gid)
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
