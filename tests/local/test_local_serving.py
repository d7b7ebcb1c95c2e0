"""How the local AWS speaks HTTP."""

import http.client
import json
import socket

import pytest

HEALTH = "/_ministack/health"


@pytest.fixture
def talk(aws):
    """Say something to the local AWS, and hear what it answers until it hangs up."""
    host, _, port = aws.endpoint.removeprefix("http://").partition(":")

    def said(text):
        with socket.create_connection((host, int(port)), timeout=60) as wire:
            wire.sendall(text)
            return wire.makefile("rb").read()

    return said


def test_a_connection_is_good_for_many_requests(aws):
    server = http.client.HTTPConnection(aws.endpoint.removeprefix("http://"), timeout=60)
    server.connect()
    wire = server.sock
    for _ in range(3):
        server.request("GET", HEALTH)
        answer = server.getresponse()
        assert (answer.status, answer.reason) == (200, "OK")
        assert answer.read()
    assert server.sock is wire
    server.close()


def test_who_asks_for_the_head_gets_no_body(talk):
    said = talk(f"HEAD {HEALTH} HTTP/1.1\r\nConnection: close\r\n\r\n".encode())
    assert said.startswith(b"HTTP/1.1 200 OK\r\n")
    assert said.endswith(b"\r\n\r\n")


def test_a_body_may_come_in_parts(aws):
    server = http.client.HTTPConnection(aws.endpoint.removeprefix("http://"), timeout=60)
    setting = {"cloudtrail._recording_enabled": False}
    text = json.dumps(setting).encode()
    server.request("POST", "/_ministack/config", iter([text[:5], text[5:]]))
    assert json.load(server.getresponse())["applied"] == setting
    server.close()


def test_who_waits_to_be_told_to_go_on_is(talk):
    head = f"POST {HEALTH} HTTP/1.1\r\nConnection: close\r\nContent-Length: 2\r\n"
    said = talk(head.encode() + b"Expect: 100-continue\r\n\r\n{}")
    assert said.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (b"what\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nnothing\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: some\r\n\r\n", 400),
        (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n", 400),
        # Ministack itself fails at this one.
        (b"GET /?\xff HTTP/1.1\r\n\r\n", 500),
    ],
)
def test_what_is_no_request_is_refused_and_no_more_is_heard(talk, asked, status):
    assert talk(asked).startswith(f"HTTP/1.1 {status} ".encode())
    assert talk(f"GET {HEALTH} HTTP/1.1\r\nConnection: close\r\n\r\n".encode())
