"""Calls to a local AWS by a plain socket: urllib3 takes half of the time that a call takes.

What is streamed goes the usual way, and so does all that runs in a process of its own.
"""

import contextlib
import socket
from collections import defaultdict
from types import SimpleNamespace

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError
from botocore.httpsession import URLLib3Session

HOST = "127.0.0.1"
HERE = f"http://{HOST}:"
PATIENCE = 60  # seconds
GO_ON = 100

_usually = URLLib3Session.send
# Connections that are open and not in use, by port.
_idle = defaultdict(list)


def send(session, request):
    """Return the answer to a request of botocore's, as its session does that this replaces."""
    body = request.body or b""
    streamed = request.stream_output or hasattr(body, "read")
    if streamed or not request.url.startswith(HERE):
        return _usually(session, request)
    port, _, target = request.url.removeprefix(HERE).partition("/")
    try:
        wire = _idle[port].pop() if _idle[port] else _connected(port)
    except OSError:
        return _usually(session, request)  # which tells it as botocore does
    lines = [f"{request.method} /{target} HTTP/1.1", f"Host: {HOST}:{port}"]
    lines += [f"{name}: {_text(value)}" for name, value in request.headers.items()]
    with contextlib.ExitStack() as failing:
        failing.callback(wire.close)
        try:
            wire.write("\r\n".join([*lines, "\r\n"]).encode() + _bytes(body))
            wire.flush()
            status, headers = _head(wire)
            length = 0 if request.method == "HEAD" else int(headers["content-length"])
            content = wire.read(length)
        except (OSError, ValueError, LookupError) as error:
            raise ConnectionClosedError(endpoint_url=request.url) from error
        failing.pop_all()
    _idle[port].append(wire)
    return AWSResponse(request.url, status, headers, SimpleNamespace(stream=lambda: [content]))


def _connected(port):
    with socket.create_connection((HOST, int(port)), PATIENCE) as wire:
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return wire.makefile("rwb")


def _text(value):
    return value.decode() if isinstance(value, bytes) else value


def _bytes(value):
    return value.encode() if isinstance(value, str) else value


def _head(wire):
    """Return an answer's status, and its headers by their names in small letters."""
    status = GO_ON
    while status == GO_ON:
        status, headers = int(wire.readline().split()[1]), {}
        while (line := wire.readline()) > b"\r\n":
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
    return status, headers
