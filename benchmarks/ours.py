"""The product, whole, as `broker serve` runs it. Run as `python -m benchmarks.ours CONFIG PORT`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import uvicorn
import uvloop
from starlette.types import ASGIApp

from broker.app import build
from broker.config.load import load
from broker.registry import provider_types


def _server(app: ASGIApp, port: int) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host="127.0.0.1",
            port=port,
            loop="uvloop",
            http="httptools",
            ws="none",
            lifespan="off",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            log_level="warning",
            timeout_keep_alive=75,
        )
    )


def serve_app(app: ASGIApp, port: int) -> None:
    """Serve any ASGI app the way the broker is served."""
    _server(app, port).run()


async def _serve(config: Path, port: int) -> None:
    broker = await build(load(config, lambda name: provider_types([name])[name].Settings))
    await broker.start()
    try:
        await _server(broker.public, port).serve()
    finally:
        await broker.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(Path(sys.argv[1]), int(sys.argv[2])))
