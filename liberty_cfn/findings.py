"""Something wrong with templates or params/, and where; as text, JSON and SARIF."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

SARIF = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS = {"error": "error", "warning": "warning"}


@dataclass(frozen=True, order=True)
class Finding:
    """Something wrong: where, by which rule, how bad, and what.

    `resource` is the logical id in that file, `python` the line that added it (file:line);
    both empty where there is none.
    """

    file: str
    line: int
    rule: str
    level: str
    message: str
    resource: str = ""
    python: str = ""

    def __str__(self) -> str:
        """Return it as a line, in the form that editors and terminals follow."""
        about = f" {self.resource}:" if self.resource else ""
        origin = f" [{self.python}]" if self.python else ""
        return (
            f"{self.file}:{self.line}: {self.level} {self.rule}:{about} {self.message}{origin}"
        )


def as_json(found: Sequence[Finding]) -> list[dict[str, Any]]:
    """Return findings as a program reads them."""
    return [asdict(finding) for finding in found]


def as_sarif(found: Sequence[Finding], titles: Mapping[str, str]) -> dict[str, Any]:
    """Return findings as GitHub's code scanning takes them; `titles` are of rules, by id.

    https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
    """
    rules = sorted({finding.rule for finding in found})
    return {
        "$schema": SARIF,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "liberty-cfn",
                        "rules": [
                            {
                                "id": rule,
                                "shortDescription": {"text": titles.get(rule, rule)},
                            }
                            for rule in rules
                        ],
                    }
                },
                "results": [
                    {
                        "ruleId": finding.rule,
                        "ruleIndex": rules.index(finding.rule),
                        "level": LEVELS.get(finding.level, "note"),
                        "message": {"text": finding.message},
                        "locations": [
                            {
                                "physicalLocation": {
                                    "artifactLocation": {"uri": finding.file},
                                    "region": {"startLine": finding.line},
                                }
                            }
                        ],
                    }
                    for finding in found
                ],
            }
        ],
    }
