"""Requests come to ministack by uvicorn and httptools: hypercorn takes twice as long."""

from typing import Any

import hypercorn.asyncio
import uvicorn


async def serve(app: Any, config: Any) -> None:
    """Serve an application until told to end, where hypercorn's settings say."""
    host, _, port = config.bind[0].rpartition(":")
    asked = uvicorn.Config(
        app, host, int(port), http="httptools", ws="none", access_log=False, log_level="error"
    )
    await uvicorn.Server(asked).serve()


def add() -> None:
    hypercorn.asyncio.serve = serve
