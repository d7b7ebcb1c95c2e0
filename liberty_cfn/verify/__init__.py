"""The spec's checklist, ticked from what really exists.

It reads AWS by the spec's names, never the templates or the stack, and what it expects is
stated here once more, from the spec: so a slip in the templates is not repeated.

From the bottom up: facts (what was expected, what was found), reading (of AWS, each answer
once), policies and places (AWS's answers in words), a module for each part of the spec,
checks (its ten commands), rows (its summary), running, and the ways to show the report:
table, document and markdown.
"""

from liberty_cfn.verify.facts import Check, Fact, Report, Row
from liberty_cfn.verify.reading import VerifyError
from liberty_cfn.verify.running import verify

__all__ = ["Check", "Fact", "Report", "Row", "VerifyError", "verify"]
