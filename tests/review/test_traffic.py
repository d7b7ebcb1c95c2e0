import pytest
from hypothesis import given
from hypothesis import strategies as st

from liberty_cfn.review.traffic import NUMBERS as NAMED
from liberty_cfn.review.traffic import common, cut, network, spelled, traffic, union, without

NUMBERS = st.integers(0, 30)
SPANS = st.lists(st.tuples(NUMBERS, NUMBERS), max_size=4).map(
    lambda pairs: union(*(((min(pair), max(pair)),) for pair in pairs))
)


def _members(spans):
    return {number for low, high in spans for number in range(low, high + 1)}


@given(SPANS, SPANS)
def test_sets_of_spans_are_what_sets_of_their_numbers_are(one, other):
    assert _members(union(one, other)) == _members(one) | _members(other)
    assert _members(common(one, other)) == _members(one) & _members(other)
    assert _members(without(one, other)) == _members(one) - _members(other)
    assert without(one, one) == ()


@given(SPANS, st.lists(NUMBERS, max_size=3))
def test_cut_spans_hold_the_same_numbers_and_none_goes_across(spans, at):
    pieces = cut(spans, at)
    assert sum(high - low + 1 for low, high in pieces) == len(_members(spans))
    assert union(pieces) == spans
    assert not any(low < start <= high for low, high in pieces for start in at)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (("tcp", 443, 443), ("tcp", "443")),
        (("6", 80, 90), ("tcp", "80-90")),
        (("udp", None, None), ("udp", "all")),
        (("tcp", 0, 65535), ("tcp", "all")),
        (("TCP", -1, -1), ("tcp", "all")),
        (("-1", None, None), ("all", "all")),
        (("-1", 443, 443), ("all", "all")),
        (("icmp", 8, -1), ("icmp", "8")),
        (("icmp", -1, -1), ("icmp", "all")),
        (("icmpv6", None, None), ("icmpv6", "all")),
        (("50", 1, 2), ("protocol 50", "all")),
        (("${Protocol}", 1, 2), ("all", "all")),
    ],
)
def test_a_rule_lets_its_protocol_and_ports_pass(rule, said):
    assert list(spelled(traffic(*rule))) == [said]


def test_all_but_a_port_is_said_by_protocols():
    assert list(spelled(without(traffic("-1", None, None), traffic("tcp", 22, 22)))) == [
        ("protocols 0 to 5", "all"),
        ("tcp", "0-21"),
        ("tcp", "23-65535"),
        ("protocols 7 to 255", "all"),
    ]


@given(st.integers(0, 300_000), st.integers(0, 300_000))
def test_what_is_said_is_all_of_it_and_nothing_else(one, other):
    spans = ((min(one, other), max(one, other)),)
    heard = []
    for protocol, ports in spelled(spans):
        numbers = protocol.removeprefix("protocols ").removeprefix("protocol ").split(" to ")
        low, high = (ports.split("-") * 2)[:2] if ports != "all" else (None, None)
        for number in range(_number(numbers[0]), _number(numbers[-1]) + 1):
            start = number * 65536
            heard.append(
                ((start + int(low or 0), start + int(high if high is not None else 65535)),)
            )
    assert union(*heard) == spans


def _number(protocol):
    return NAMED.get(protocol) or int(protocol)


def test_addresses_of_both_families_lie_on_one_line():
    assert network("10.0.0.0/30") == ((10 << 24, (10 << 24) + 3),)
    assert network("::/0") == ((1 << 32, (1 << 32) + (1 << 128) - 1),)
    assert network("10.0.0.0") == ((10 << 24, 10 << 24),)
    assert network("somewhere") is None
