"""An upstream that speaks TLS, over a real socket, and may ask who calls."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from socket import create_server

from broker.testing.raw_server import json_of


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate for a name, made with openssl."""

    folder: Path
    name: str
    days: int = 2

    @property
    def cert(self) -> Path:
        return self.folder / f"{self.name}.cert.pem"

    @property
    def key(self) -> Path:
        return self.folder / f"{self.name}.key.pem"

    def __post_init__(self) -> None:
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", str(self.days)]
        command += ["-subj", f"/CN={self.name}"]
        command += ["-addext", f"subjectAltName=DNS:{self.name}", "-keyout", str(self.key), "-out", str(self.cert)]
        subprocess.run(command, check=True, capture_output=True)


@dataclass
class TlsServer:
    """`callers`: the name in the client certificate of every request, "" without one."""

    url: str = ""
    callers: list[str] = field(default_factory=list)


@asynccontextmanager
async def tls_server(
    certificate: Certificate,
    newest: ssl.TLSVersion | None = None,
    *,
    believes: Certificate | None = None,
) -> AsyncIterator[TlsServer]:
    """https on a free port of this machine, by name; answers everything with a token and keeps connections.

    It asks for a client certificate, and takes calls without one, when it `believes` one.
    """
    context = _context(certificate, believes, ssl.CERT_OPTIONAL)
    if newest is not None:
        context.maximum_version = newest
        context.set_ciphers("ALL:@SECLEVEL=0")
    made = TlsServer()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        shown = dict(one[0] for one in (writer.get_extra_info("peercert") or {}).get("subject", ()))
        with suppress(OSError, asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                made.callers.append(shown.get("commonName", ""))
                writer.write(json_of({"access_token": "t"}))
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    made.url = f"https://localhost:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()


@contextmanager
def insisting_server(certificate: Certificate, believes: Certificate) -> Iterator[str]:
    """Refuses its one caller, who has no certificate, with the alert that servers send and asyncio's do not.

    TLS 1.3 lets the caller send its request before it learns of the refusal. Closed with that unread, the connection
    would be reset, and a reset takes the alert with it: like a server of care, this one closes when the caller has.
    """
    context = _context(certificate, believes, ssl.CERT_REQUIRED)

    def refuse() -> None:
        connection, _ = listener.accept()
        with connection, connection.dup() as lingering:
            with suppress(OSError), context.wrap_socket(connection, server_side=True) as spoken:
                spoken.recv(1)
            lingering.settimeout(30)
            while lingering.recv(65536):
                pass

    with create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=refuse)
        thread.start()
        yield f"https://localhost:{listener.getsockname()[1]}"
        thread.join()


def _context(certificate: Certificate, believes: Certificate | None, mode: ssl.VerifyMode) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.cert, certificate.key)
    if believes is not None:
        context.load_verify_locations(believes.cert)
        context.verify_mode = mode
    return context
