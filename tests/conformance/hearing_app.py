"""An app that listens for logout tokens on this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from urllib.parse import parse_qsl


class HearingApp:
    """`uri` is its back channel; the forms that came are in `heard`, and what is none by the name ""."""

    def __init__(self, port: int) -> None:
        """Use `listening`."""
        self.uri = f"http://127.0.0.1:{port}/backchannel"
        self.heard: SimpleQueue[dict[str, str]] = SimpleQueue()


@contextmanager
def listening(port: int = 0) -> Iterator[HearingApp]:
    """It answers every form with 200. `port` 0: any that is free."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            app.heard.put(dict(parse_qsl(body)) or {"": body})
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, template: str, *args: object) -> None:
            """Not on the terminal."""

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        app = HearingApp(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield app
        finally:
            server.shutdown()
            thread.join(10)
