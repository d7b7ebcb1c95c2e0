"""The spec's checklist, ticked: Markdown to paste into a pull request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from liberty_cfn.markdown import code
from liberty_cfn.verify.facts import TOTAL, Check, Fact, Report, Row, words

# The sections of the spec's checklist, and which categories of its summary each has.
SECTIONS = {
    "Compute Services": ("Compute",),
    "Storage Services": ("Storage",),
    "Networking Services": ("Networking",),
    "Container Registry": ("Registry",),
    "Secrets & IAM": ("Secrets", "IAM"),
    "Logging & Monitoring": ("Logging", "Monitoring"),
    "DNS & SSL/TLS": ("DNS/SSL",),
}
# What the spec's summary says of each category.
CREATED = {
    "Compute": "Cluster, Service, Task Def",
    "Storage": "RDS, ElastiCache, S3",
    "Networking": "VPC, Subnets, SGs, ALB, TG",
    "Registry": "ECR Repository",
    "Secrets": "5 secrets in Secrets Mgr",
    "IAM": "Execution Role, Task Role",
    "Logging": "CloudWatch Log Group",
    "DNS/SSL": "Route 53, ACM Certificate",
    "Monitoring": "3 CloudWatch Alarms",
}


def as_markdown(report: Report) -> str:
    """Return a report as the spec's checklist, each box ticked that may be."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    checked = sum(check.ok for check in report.checks)
    yield f"## AWS resources of {report.environment}, in {report.region}"
    yield ""
    yield (
        f"{report.found} of {TOTAL} resources exist as specified; {checked} of "
        f"{len(report.checks)} checks pass."
    )
    for section, categories in SECTIONS.items():
        yield ""
        yield f"### {section}"
        yield ""
        for row in report.rows:
            if row.category in categories:
                yield from _row(row)
    yield ""
    yield "### Total Resources Summary"
    yield ""
    yield "| Category | Count | Created |"
    yield "|----------|-------|---------|"
    for category in report.categories:
        count = f"{category.found}/{category.expected}"
        created = CREATED[category.name]
        yield f"| **{category.name}** | {count} | {_box(ok=category.ok)} {created} |"
    whole = report.found == TOTAL and all(category.ok for category in report.categories)
    yield f"| **TOTAL** | **{report.found}/{TOTAL}** | **{_box(ok=whole)}** |"
    yield ""
    yield "### Verification Checklist"
    yield ""
    for check in report.checks:
        yield from _check(check)


def _row(row: Row) -> Iterator[str]:
    parts = row.parts
    thing = "" if parts else f" {code(row.thing)}"
    yield f"- {_box(ok=row.ok)} **{row.name}**{thing}"
    for part, ok in parts.items():
        yield f"  - {_box(ok=ok)} {code(part)}"
        yield from _wrong((fact for fact in row.wrong if fact.part == part), "    ")
    yield from _wrong((fact for fact in row.wrong if not fact.part), "  ")


def _check(check: Check) -> Iterator[str]:
    yield f"- {_box(ok=check.ok)} {check.number}. {check.name}"
    for command in check.commands:
        yield f"  - {code(command)}"
    yield from _wrong(check.wrong, "  ")


def _wrong(facts: Iterable[Fact], indent: str) -> Iterator[str]:
    for fact in facts:
        expected, found = code(words(fact.expected)), code(words(fact.found))
        yield f"{indent}- {fact.what}: expected {expected}, found {found}"


def _box(*, ok: bool) -> str:
    return "[x]" if ok else "[ ]"
