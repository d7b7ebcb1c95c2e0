"""The HTTP by which ministack is asked: HTTP/1.1, as clients of AWS's speak it, and no more.

Hypercorn, by which it serves otherwise, spends more time on a request than ministack does.
"""

import asyncio
import contextlib
import http
import logging
import signal
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from typing import Any
from urllib.parse import unquote

import hypercorn.asyncio

App = Callable[..., Coroutine[Any, Any, None]]
Headers = list[tuple[bytes, bytes]]

LINE = b"\r\n"
GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"
REASONS = {status.value: status.phrase for status in http.HTTPStatus}
FAILED = b"Connection: close\r\nContent-Length: 0\r\n\r\n"


async def serve(app: App, config: Any) -> None:
    """Serve until told to end.

    Raises:
        OSError: the address is taken.
    """
    host, _, port = config.bind[0].rpartition(":")
    over = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, over.set)

    async def talk(reader: StreamReader, writer: StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(OSError, EOFError):
            while await _answered(app, reader, writer):
                pass

    async with _alive(app):
        await asyncio.start_server(talk, host, int(port))
        await over.wait()


@contextlib.asynccontextmanager
async def _alive(app: App) -> AsyncIterator[None]:
    """Have an application prepare itself, and put everything away in the end."""
    told: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    said: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    life = asyncio.create_task(app({"type": "lifespan"}, told.get, said.put))
    await told.put({"type": "lifespan.startup"})
    await said.get()
    yield
    await told.put({"type": "lifespan.shutdown"})
    await life


async def _answered(app: App, reader: StreamReader, writer: StreamWriter) -> bool:
    """Answer one request; tells whether there may be another."""
    try:
        method, target, headers = _head(await reader.readuntil(LINE * 2))
        known = dict(headers)
        if known.get(b"expect", b"").lower() == b"100-continue":
            writer.write(GO_ON)
        body = await _body(reader, known)
        path, _, query = target.partition(b"?")
        scope = {
            "type": "http",
            "http_version": "1.1",
            "scheme": "http",
            "method": method.decode(),
            "path": unquote(path.decode()),
            "raw_path": path,
            "query_string": query,
            "headers": headers,
            "client": writer.get_extra_info("peername"),
        }
    except (ValueError, asyncio.LimitOverrunError):
        writer.write(_first(400) + FAILED)
        return False
    # In a task of its own, as ministack keeps who asks in the task's context.
    answered = await asyncio.create_task(_ask(app, scope, body, writer))
    return answered and known.get(b"connection", b"").lower() != b"close"


def _head(data: bytes) -> tuple[bytes, bytes, Headers]:
    """Return the method, the target and the headers of a request."""
    first, *lines = data[: -len(LINE * 2)].split(LINE)
    method, target, _ = first.split(b" ")
    pairs = [line.split(b":", 1) for line in lines]
    return method, target, [(name.lower(), value.strip()) for name, value in pairs]


async def _body(reader: StreamReader, headers: Mapping[bytes, bytes]) -> bytes:
    if headers.get(b"transfer-encoding", b"").lower() != b"chunked":
        return await reader.readexactly(int(headers.get(b"content-length", 0)))
    parts = []
    while size := int((await reader.readuntil(LINE)).partition(b";")[0], 16):
        parts.append(await reader.readexactly(size))
        await reader.readuntil(LINE)
    while await reader.readuntil(LINE) != LINE:
        pass  # what is said of the body after it
    return b"".join(parts)


async def _ask(app: App, scope: dict[str, Any], body: bytes, writer: StreamWriter) -> bool:
    """Have an answer written; tells whether it says itself where it ends."""
    asked = [{"type": "http.request", "body": body, "more_body": False}]
    begun: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not asked:
            await asyncio.Event().wait()  # that a client has gone is told by writing to it
        return asked.pop()

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            begun.append(message)
            lines = [b"%b: %b\r\n" % header for header in message["headers"]]
            writer.write(b"".join((_first(message["status"]), *lines, LINE)))
        elif scope["method"] != "HEAD":
            writer.write(message.get("body", b""))
            await writer.drain()

    try:
        await app(scope, receive, send)
    except OSError:
        return False  # the client is gone
    except Exception:
        logging.getLogger(__name__).exception("%(method)s %(path)s", scope)
        if not begun:
            writer.write(_first(500) + FAILED)
        return False
    return any(name.lower() == b"content-length" for name, _ in begun[0]["headers"])


def _first(status: int) -> bytes:
    return f"HTTP/1.1 {status} {REASONS.get(status, '')}\r\n".encode()


def add() -> None:
    hypercorn.asyncio.serve = serve
