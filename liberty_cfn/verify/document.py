"""The report as JSON."""

from __future__ import annotations

from typing import Any

from liberty_cfn.verify.facts import TOTAL, Fact, Report


def as_json(report: Report) -> dict[str, Any]:
    """Return all of a report as what JSON can hold."""
    return {
        "environment": report.environment,
        "region": report.region,
        "account": report.account,
        "ok": report.ok,
        "total": {"expected": TOTAL, "found": report.found},
        "categories": [
            {
                "name": category.name,
                "expected": category.expected,
                "found": category.found,
                "ok": category.ok,
            }
            for category in report.categories
        ],
        "rows": [
            {
                "number": row.number,
                "category": row.category,
                "name": row.name,
                "thing": row.thing,
                "ok": row.ok,
                "facts": [_fact(fact) for fact in row.facts],
            }
            for row in report.rows
        ],
        "checks": [
            {
                "number": check.number,
                "name": check.name,
                "commands": list(check.commands),
                "calls": list(check.calls),
                "ok": check.ok,
                "facts": [_fact(fact) for fact in check.facts],
            }
            for check in report.checks
        ],
    }


def _fact(fact: Fact) -> dict[str, Any]:
    return {
        "part": fact.part or None,
        "what": fact.what,
        "expected": fact.expected,
        "found": fact.found,
        "ok": fact.ok,
    }
