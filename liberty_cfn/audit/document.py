"""docs/well-architected.md: the controls, met or accepted, in a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from liberty_cfn.audit.accepted import reasons
from liberty_cfn.audit.tools import Control, Result

HEAD = """\
<!-- Generated from liberty_cfn/audit/ by `make audit ARGS=--write`; edit that. -->
# Well-Architected: the controls that checkers raise

`make audit` resolves the design with each environment's values, and asks two checkers of it:
[checkov](https://www.checkov.io) (`CKV_...`), and AWS's Guard rules in the set of AWS Control
Tower (`CT....`), each of which says which control of AWS Security Hub (AWS Foundational
Security Best Practices) and which rule of AWS Config it is. The rules of the AWS Guard Rules
Registry are named after Config's; they come in no package, so it is Control Tower's
that are run. It fails on a finding that isn't accepted here, and on an acceptance of
something that is no longer found. It isn't part of `make check`: the checkers have an
environment of their own, `.venv-audit`.

A control is *met* where no resource of the environment fails it. Controls about resources
that the design doesn't have are left out.
"""


def document(results: Sequence[Result], environments: Iterable[str]) -> str:
    """Return docs/well-architected.md."""
    names = list(environments)
    controls: dict[Control, list[Result]] = {}
    for result in sorted(results):
        controls.setdefault(result.control, []).append(result)
    failed = {c: [r for r in found if not r.met] for c, found in controls.items()}
    accepted = [_accepted(c, found, names) for c, found in failed.items() if found]
    met = [(_code(c.id), c.title, _also(c)) for c, found in failed.items() if not found]
    return "\n".join(
        [
            HEAD,
            f"## Accepted\n\n{len(accepted)} controls, each with its reason.\n",
            _table(("Control", "Asks for", "Also known as", "Not met", "Why"), accepted),
            f"## Met\n\n{len(met)} controls, in every environment ({', '.join(names)}).\n",
            _table(("Control", "Asks for", "Also known as"), met),
        ]
    )


def _accepted(control: Control, failed: Sequence[Result], names: Sequence[str]) -> list[str]:
    where = {result.environment for result in failed}
    resources = ", ".join(dict.fromkeys(result.resource for result in failed))
    only = "" if where == set(names) else f" in {', '.join(sorted(where))}; *met* elsewhere"
    why = dict.fromkeys(a.reason for result in failed for a in reasons(result))
    return [
        _code(control.id),
        control.title,
        _also(control),
        f"{resources}{only}",
        f"*accepted*: {' '.join(why)}" if why else "**not accepted**",
    ]


def _also(control: Control) -> str:
    return ", ".join(control.also)


def _code(text: str) -> str:
    return f"`{text}`"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell or ' ' for cell in line)} |\n" for line in lines)
