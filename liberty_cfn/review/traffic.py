"""Sets of numbers as spans: addresses, and what may pass between them.

A span is a first and a last number; a set is a tuple of spans in order that don't touch.
Addresses of both families lie on one line, IPv6 after IPv4; so do the ports of all
protocols, 65,536 to a protocol, so that "all traffic" is a single span.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from functools import cache

Span = tuple[int, int]
Spans = tuple[Span, ...]

PORTS = 1 << 16
# https://www.iana.org/assignments/protocol-numbers/protocol-numbers.xhtml
NUMBERS = {"icmp": 1, "tcp": 6, "udp": 17, "icmpv6": 58}
NAMES = {str(number): name for name, number in NUMBERS.items()}
WITH_PORTS = ("6", "17")
EVERYTHING: Spans = ((0, 256 * PORTS - 1),)

IPV6 = 1 << 32
IPV4_SPACE: Spans = ((0, IPV6 - 1),)
IPV6_SPACE: Spans = ((IPV6, IPV6 + (1 << 128) - 1),)


def union(*sets: Spans) -> Spans:
    """Return what is in any of the sets."""
    joined: list[Span] = []
    for low, high in sorted(span for spans in sets for span in spans):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], high))
        else:
            joined.append((low, high))
    return tuple(joined)


def common(one: Spans, other: Spans) -> Spans:
    """Return what is in both sets."""
    return tuple(
        (max(low, first), min(high, last))
        for low, high in one
        for first, last in other
        if low <= last and first <= high
    )


def without(spans: Spans, other: Spans) -> Spans:
    """Return what is in `spans`, but not in `other`."""
    for first, last in other:
        spans = tuple(_remaining(spans, first, last))
    return spans


def _remaining(spans: Spans, first: int, last: int) -> Iterator[Span]:
    for low, high in spans:
        if last < low or high < first:
            yield low, high
            continue
        if low < first:
            yield low, first - 1
        if last < high:
            yield last + 1, high


def cut(spans: Spans, at: Iterable[int]) -> Spans:
    """Return the same numbers in more pieces: none goes across a number of `at`."""
    pieces = list(spans)
    for start in at:
        pieces = [
            piece
            for low, high in pieces
            for piece in (
                ((low, start - 1), (start, high)) if low < start <= high else ((low, high),)
            )
        ]
    return tuple(pieces)


@cache
def network(cidr: str) -> Spans | None:
    """Return the addresses of a CIDR block, None if it is none."""
    try:
        block = ipaddress.ip_network(cidr, strict=False)
    except ValueError:
        return None
    start = int(block.network_address) + (IPV6 if block.version == 6 else 0)  # noqa: PLR2004
    return ((start, start + block.num_addresses - 1),)


def traffic(protocol: str, low: int | None, high: int | None) -> Spans:
    """Return what a rule lets through, as its protocol and ports (ICMP: type) say.

    Other protocols than TCP, UDP and ICMP have no ports: all of them is meant.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-ec2-securitygroup-ingress.html
    """
    name = protocol.lower()
    number = NUMBERS.get(name, int(name) if name.lstrip("-").isdigit() else None)
    if number is None or not 0 <= number < 256:  # noqa: PLR2004 - a protocol is one byte
        return EVERYTHING
    start = number * PORTS
    if number not in NUMBERS.values() or low is None or low < 0:
        return ((start, start + PORTS - 1),)
    # ICMP's upper bound is a code, not a port.
    last = low if number in (NUMBERS["icmp"], NUMBERS["icmpv6"]) else high
    return ((start + low, start + (low if last is None else last)),)


def spelled(spans: Spans) -> Iterator[tuple[str, str]]:
    """Yield the protocol and the ports of each piece: ("tcp", "443"), ("all", "all")."""
    for low, high in spans:
        if (low, high) == EVERYTHING[0]:
            yield "all", "all"
            continue
        whole = range(-(-low // PORTS), (high + 1) // PORTS)
        if low < min(whole.start * PORTS, high + 1):
            yield _partly(low, min(whole.start * PORTS - 1, high))
        if len(whole) == 1:
            yield _name(whole[0]), "all"
        elif whole:
            yield f"protocols {whole[0]} to {whole[-1]}", "all"
        if whole.start <= whole.stop and whole.stop * PORTS <= high:
            yield _partly(whole.stop * PORTS, high)


def _partly(low: int, high: int) -> tuple[str, str]:
    first, last = low % PORTS, high % PORTS
    return _name(low // PORTS), str(first) if first == last else f"{first}-{last}"


def _name(number: int) -> str:
    return NAMES.get(str(number), f"protocol {number}")
