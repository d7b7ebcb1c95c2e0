"""Checks that a template's Metadata keeps from being asked, or from counting."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from liberty_cfn.model.loading import TemplateSet
from liberty_cfn.model.parsing import Template
from liberty_cfn.review.comparing import mapping
from liberty_cfn.review.findings import Finding, Kind

# Where each checker looks: a list of rules (by a name, or with one), or a reason by rule.
# https://github.com/aws-cloudformation/cfn-lint#metadata
# https://docs.aws.amazon.com/cfn-guard/latest/ug/ and each checker's own page.
DIRECTIVES = {
    "cfn-lint": ("cfn-lint", "config", "ignore_checks"),
    "liberty-cfn": ("liberty-cfn", "accept"),
    "Guard": ("guard", "SuppressedRules"),
    "checkov": ("checkov", "skip"),
    "cfn_nag": ("cfn_nag", "rules_to_suppress"),
    "cdk-nag": ("cdk_nag", "rules_to_suppress"),
}
NAMES = ("id", "Id", "Rule", "rule")
REASONS = ("reason", "comment", "Reason")
Silence = tuple[str, str, str]


def silenced(before: TemplateSet, after: TemplateSet) -> Iterator[Finding]:
    """Yield each rule that is newly not asked, or whose findings newly don't count."""
    for file, template in after.templates.items():
        old = before.templates.get(file)
        known = dict(_silences(old)) if old else {}
        for (where, checker, rule), reason in _silences(template):
            if (where, checker, rule) not in known:
                because = f": {reason}" if reason else ", without a reason"
                text = f"{file}: {where}: {checker}'s {rule} doesn't count{because}"
                yield Finding(Kind.SILENCED, "", text)


def _silences(template: Template) -> Iterator[tuple[Silence, str]]:
    places: dict[str, Any] = {"the whole template": template.body}
    places |= template.section("Resources")
    for where, body in places.items():
        for checker, path in DIRECTIVES.items():
            found: Any = mapping(body).get("Metadata")
            for step in path:
                found = mapping(found).get(step)
            for rule, reason in _rules(found):
                yield (where, checker, rule), reason


def _rules(found: Any) -> Iterator[tuple[str, str]]:
    """Yield what is named, with the reason that is given for it."""
    if isinstance(found, dict):
        for rule, reason in found.items():
            yield str(rule), str(reason or "")
    for item in found if isinstance(found, list) else ():
        if isinstance(item, str):
            yield item, ""
        elif isinstance(item, Mapping):
            rule = next((str(item[key]) for key in NAMES if key in item), "")
            yield rule, next((str(item[key]) for key in REASONS if key in item), "")
