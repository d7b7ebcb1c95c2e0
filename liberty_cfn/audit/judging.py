"""What is neither met nor accepted, and what is accepted in vain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from liberty_cfn.audit.accepted import ACCEPTED, Acceptance, reasons
from liberty_cfn.audit.tools import Result


def misfits(results: Iterable[Result]) -> Iterator[str]:
    """Yield findings that nobody accepted, and acceptances of what is no finding."""
    failed = [result for result in results if not result.met]
    places: dict[tuple[str, str, str], list[str]] = {}
    for result in failed:
        if not any(reasons(result)):
            key = (result.control.id, result.resource, result.control.title)
            places.setdefault(key, []).append(result.environment)
    for (control, resource, title), environments in sorted(places.items()):
        where = ", ".join(sorted(set(environments)))
        yield (
            f"{control} {resource} ({where}): {title}. Meet it, or accept it with a reason in "
            "liberty_cfn/audit/accepted.py"
        )
    for acceptance in ACCEPTED:
        yield from _in_vain(acceptance, [r for r in failed if acceptance.covers(r)])


def _in_vain(acceptance: Acceptance, covered: list[Result]) -> Iterator[str]:
    controls = {result.control.id for result in covered}
    for control in acceptance.controls:
        if control not in controls:
            yield f"{control}: accepted, and no longer found: {acceptance.reason}"
    for environment in acceptance.only:
        if environment not in {result.environment for result in covered}:
            yield f"{', '.join(acceptance.controls)}: met in {environment}, yet accepted"
    for resource in acceptance.resources:
        if resource not in {result.resource for result in covered}:
            yield f"{', '.join(acceptance.controls)}: met by {resource}, yet accepted"
