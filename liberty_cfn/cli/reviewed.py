"""Only reviewed templates are deployed: as generated, linted, and with the digest approved.

A plan is made of what would be generated now, even before it is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from liberty_cfn.cli.common import fail

if TYPE_CHECKING:
    from rich.console import Console

    from liberty_cfn.environments import Environment

SHORTEST = 12  # characters of a digest that stand for it, as plans show


def checked_templates(environment: Environment, screen: Console) -> dict[str, str]:
    """Return the templates to deploy, by file name.

    Those that are not as generated, or in which the linters find an error, are refused.
    """
    from liberty_cfn import checked
    from liberty_cfn.deploy.packaging import read
    from liberty_cfn.repository import TEMPLATES

    sources = checked.sources()
    if checked.is_known(sources):
        screen.print("The templates are as generated, and the linters are content, as before")
        return read(TEMPLATES)
    from liberty_cfn.findings import as_json
    from liberty_cfn.generation import differences, generate, nested, write
    from liberty_cfn.linting import lint_ours

    wanted = generate()
    if found := differences(wanted):
        if not environment.is_local:
            fail(f"{_named(found)}\nRun `make templates`, and have it reviewed.")
        write(wanted)
        screen.print(f"Generated again: {', '.join(found)}")
    findings = lint_ours()
    for finding in findings:
        screen.print(str(finding), markup=False)
    if any(finding.level == "error" for finding in findings):
        why = "The templates are not deployed: the linters object, as above."
        fail(why, lint=as_json(findings))
    if meanwhile := differences(wanted):
        fail(f"Changed while it was looked at: {', '.join(meanwhile)}. Deploy again.")
    if not findings:
        checked.remember(sources)
    templates = sum(name.endswith(".yaml") for name in wanted)
    linters = "warn, as above" if findings else "are content"
    screen.print(f"{templates} templates are as generated, and the linters {linters}")
    return nested(wanted)


def generated(screen: Console) -> dict[str, str]:
    """Return the templates as they would be generated now, by file name.

    Where those in `templates/` differ, that is said: no deploy takes them.
    """
    from liberty_cfn import checked
    from liberty_cfn.deploy.packaging import read
    from liberty_cfn.repository import TEMPLATES

    sources = checked.sources()
    if checked.is_known(sources) or checked.is_known(sources, checked.GENERATED):
        return read(TEMPLATES)
    from liberty_cfn.generation import differences, generate, nested

    wanted = generate()
    if found := differences(wanted):
        screen.print(
            f"{_named(found)}\nThis is the plan of what is generated now; `make templates` "
            "writes that."
        )
    else:
        checked.remember(sources, checked.GENERATED)
    return nested(wanted)


def check_digest(templates: Mapping[str, str], approved: str | None) -> None:
    """Refuse templates that are not those that were approved."""
    from liberty_cfn.digests import digest

    if approved is None:
        return
    approved = approved.strip()
    if len(approved) < SHORTEST:
        fail(
            f"{approved!r} is no digest; expected {SHORTEST} of its characters at least, in "
            "--template-digest or APPROVED. To deploy whatever is committed, give neither.",
            2,
        )
    if not (found := digest(templates)).startswith(approved):
        why = (
            f"Not the templates that were approved: they have the digest {found}. Have these "
            "reviewed (make diff), or check out those that were."
        )
        fail(why, expected=approved, found=found)


def _named(differences: Mapping[str, str]) -> str:
    """Return, in words, which files are not as generated, and how."""
    return "\n".join(
        ["Not as generated:", *(f"  {name} is {how}" for name, how in differences.items())]
    )
