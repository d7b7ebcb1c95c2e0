"""Something wrong with templates or params/, and where; as text, JSON and SARIF."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote

SARIF = "https://json.schemastore.org/sarif-2.1.0.json"
# What there is to say of a rule: its title, the reason for it, and where that is written.
About = tuple[str, str, str]
# Of one that isn't ours.
LINTERS: About = ("", "A rule of cfn-lint's, or of AWS's cloudformation-validate.", "")
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


def as_sarif(found: Sequence[Finding], rules: Mapping[str, About]) -> dict[str, Any]:
    """Return findings as GitHub's code scanning takes them; `rules` are ours, by id.

    https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
    """
    ids = sorted({finding.rule for finding in found})
    return {
        "$schema": SARIF,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "liberty-cfn",
                        "rules": [_described(one, rules.get(one, LINTERS)) for one in ids],
                    }
                },
                "results": [_result(finding, ids.index(finding.rule)) for finding in found],
            }
        ],
    }


def _described(rule: str, about: About) -> dict[str, Any]:
    title, reason, source = about
    return {
        "id": rule,
        "shortDescription": {"text": title or rule},
        "fullDescription": {"text": reason},
        "help": {"text": f"{reason} {source}".rstrip()},
    }


def _result(finding: Finding, index: int) -> dict[str, Any]:
    result = {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": LEVELS.get(finding.level, "note"),
        "message": {"text": finding.message},
        "locations": [_place(finding.file, finding.line)],
    }
    if finding.python:
        file, _, line = finding.python.rpartition(":")
        added = {"message": {"text": "what added the resource"}, **_place(file, int(line))}
        result["relatedLocations"] = [added]
    return result


def _place(file: str, line: int) -> dict[str, Any]:
    where = {"uri": quote(file)}
    return {"physicalLocation": {"artifactLocation": where, "region": {"startLine": line}}}
