"""docs/security.md: what was proved, in tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from liberty_cfn.model.resolving import Resolved
from liberty_cfn.proofs import connections, permissions
from liberty_cfn.proofs.connections import BALANCER, CACHE, DATABASE, TASKS
from liberty_cfn.proofs.proving import OTHERWISE
from liberty_cfn.proofs.retention import MAY_GO, POLICIES
from liberty_cfn.review.places import INTERNET
from liberty_cfn.review.reach import Flow, ways
from liberty_cfn.review.statements import statements
from liberty_cfn.stateful import LOSSES

PLACES = (INTERNET, BALANCER, TASKS, DATABASE, CACHE)
HEAD = """\
<!-- Generated from liberty_cfn/proofs/ by `make templates`; edit that. -->
# Who reaches whom, and who may do what

Proved by `make prove`, which `make check` runs: from the templates alone, resolved with the
values of each environment, and with every condition the other way, so that what is switched
off everywhere is proved, too. This page is what was found; a proof that fails names what
contradicts it.
"""
REACH = """\
## Reach

A connection can be opened if the rules of both sides let it pass, a route leads there, and
who is reached from the internet has a public address. Read from the row to the column.
"""
COUNTED = """\
How it is counted:

- Every group of ours names whom it lets in. The internet has no rules: what may go out to
  it is what the rules and routes of the one side allow. *Out* marks three groups to which
  the spec gives all traffic out; nothing of ours lets that in, and none of the three opens
  connections to the internet as it is used here. A database could be told to, by whoever
  may run SQL in it.
- What is open to the internet is open to everyone in the VPC as well, such as tasks that
  ask the backend by its public name. It is told once, as the internet's.
- The gateway endpoint of S3 is a way out, and no way in.
"""
GRANTS = """\
## Grants

Each statement that allows something, and the resource of ours that needs it. Refusals and
what they refuse stand below. `${...}` stands for what only AWS knows.
"""


def security_document(resolved: Mapping[str, Resolved]) -> str:
    """Return docs/security.md."""
    parts = [
        HEAD,
        REACH,
        *_folded(resolved, _matrix),
        COUNTED,
        "### Routes\n",
        *_folded(resolved, _routes),
        GRANTS,
        _granted(resolved),
        "### Refusals\n",
        _refusals(resolved),
        "### Granted, and used by no resource of ours\n",
        _unused(),
        "### Wildcards\n\nAll there are in what is allowed, and why they are no narrower.\n",
        _table(
            ("Who", "Pattern", "Why"),
            [(holder, _code(what), why) for (holder, what), why in permissions.BUDGET.items()],
        ),
        "### Requests\n\nDecided as IAM does, with every environment's values.\n",
        _requests(resolved),
        "## Retention\n\nNothing stateful goes with its stack, or when it is replaced.\n",
        _kept(resolved),
    ]
    return "\n".join(parts)


def _folded(
    resolved: Mapping[str, Resolved], shown: Callable[[Resolved], str]
) -> Iterator[str]:
    """Yield what is shown of each environment; once, if it is the same everywhere."""
    texts: dict[str, list[str]] = {}
    for name, design in resolved.items():
        texts.setdefault(shown(design), []).append(name)
    for text, who in texts.items():
        yield f"In {_whose(who, resolved)}:\n\n{text}"


def _whose(who: Sequence[str], everybody: Iterable[str]) -> str:
    names = [name for name in everybody if name != OTHERWISE]
    if set(names) <= set(who):
        also = ", and with every condition the other way" if OTHERWISE in who else ""
        return f"every environment ({', '.join(_environments(names, names))}){also}"
    said = _environments([name for name in who if name != OTHERWISE], names)
    return ", ".join(said + ["with every condition the other way"] * (OTHERWISE in who))


def _environments(who: Sequence[str], everybody: Sequence[str]) -> list[str]:
    """Return environments by name; a stack set's by its places, if it isn't all of them."""
    found: dict[str, None] = {}
    for name in who:
        whole = name.partition("/")[0]
        places = [other for other in everybody if other.partition("/")[0] == whole]
        found[whole if set(places) <= set(who) else name] = None
    return list(found)


def _matrix(resolved: Resolved) -> str:
    found = connections.connections(resolved)
    rows = []
    for source in PLACES:
        cells = [
            _cell([f for f in found if (f.source, f.destination) == (source, to)])
            for to in PLACES
        ]
        rows.append((f"**{source}**", *cells))
    return _table(("From \\ to", *PLACES), rows)


def _cell(found: Sequence[Flow]) -> str:
    said = []
    for flow in found:
        if flow in connections.OUTBOUND:
            said.append("*out*")
        else:
            said.append(f"{flow.protocol.upper()} {flow.ports}")
    return ", ".join(said)


def _routes(resolved: Resolved) -> str:
    routes, holding = ways(resolved), connections.holding(resolved)
    return _table(
        ("Subnet", "Holds", "Way in from the internet", "Way out"),
        [
            (
                subnet,
                ", ".join(kind for kind in PLACES if kind in holding.get(subnet, ())),
                ", ".join(sorted(way.inward)) or "none",
                ", ".join(sorted(way.outward)) or "none",
            )
            for subnet, way in routes.items()
        ],
    )


def _granted(resolved: Mapping[str, Resolved]) -> str:
    rows: dict[tuple[str, ...], list[str]] = {}
    for name, design in resolved.items():
        for need in permissions.needs(design):
            said = need.statement
            row = (
                said.holder,
                f"{said.resource}, {said.policy}",
                _codes(said.actions),
                _codes(thing.name for thing in said.things),
                _codes(map(str, said.conditions)),
                ", ".join(need.users) or "see below",
            )
            rows.setdefault(row, []).append(name)
    return _table(
        ("Who", "Where it says so", "May", "On", "If", "Needed by", "With"),
        [(*row, _short(who, resolved)) for row, who in rows.items()],
    )


def _short(who: Sequence[str], everybody: Iterable[str]) -> str:
    names = [name for name in everybody if name != OTHERWISE]
    if {*names, OTHERWISE} <= set(who):
        return "all"
    said = _environments([name for name in who if name != OTHERWISE], names)
    return ", ".join(said + ["conditions the other way"] * (OTHERWISE in who))


def _refusals(resolved: Mapping[str, Resolved]) -> str:
    rows: dict[tuple[str, ...], None] = {}
    for design in resolved.values():
        for said in statements(design):
            if said.effect == "Deny":
                things = _codes(thing.name for thing in said.things)
                conditions = _codes(map(str, said.conditions))
                rows[said.holder, _codes(said.actions), things, conditions] = None
    return _table(("Who", "May not", "On", "If"), rows)


def _unused() -> str:
    rows: dict[tuple[str, str, str], list[str]] = {}
    for (holder, action, resource), why in permissions.UNUSED.items():
        rows.setdefault((holder, _code(action), why), []).append(_code(resource))
    return _table(
        ("Who", "May", "On", "Why"),
        [(who, what, ", ".join(on), why) for (who, what, why), on in rows.items()],
    )


def _requests(resolved: Mapping[str, Resolved]) -> str:
    asked = {
        a: verdict
        for design in resolved.values()
        for a, verdict in permissions.decided(statements(design), design)
    }
    return _table(
        ("Request", "Decided", "Who", "Asks for", "On", "With"),
        [
            (
                a.words,
                f"**{asked[a]}**",
                a.holder,
                _code(a.action),
                _code(a.thing),
                _codes(f"{key}={value}" for key, value in a.context.items()),
            )
            for a in permissions.REQUESTS
            if a in asked
        ],
    )


def _kept(resolved: Mapping[str, Resolved]) -> str:
    rows: dict[tuple[str, ...], None] = {}
    for design in resolved.values():
        for resource in design.of_type(*LOSSES):
            policies = [str(resource.body.get(policy)) for policy in POLICIES]
            rows[resource.id, *policies, MAY_GO.get(resource.id, LOSSES[resource.type])] = None
    return _table(("Resource", *POLICIES, "What would be lost, or why it may go"), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell or ' ' for cell in line)} |\n" for line in lines)


def _codes(texts: Iterable[str]) -> str:
    return ", ".join(map(_code, texts))


def _code(text: str) -> str:
    return f"`{text}`"
