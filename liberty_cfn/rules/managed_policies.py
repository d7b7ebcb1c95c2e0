"""The managed policies that AWS has: names with their paths, one a line, in a file beside this.

https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html
"""

from __future__ import annotations

import difflib
from functools import cache
from pathlib import Path

# Of this day; AWS adds some dozen a month.
DATE = "30 September 2026"


@cache
def managed_policies() -> frozenset[str]:
    """Return what follows `arn:aws:iam::aws:policy/` in their ARNs."""
    file = Path(__file__).with_name("aws-managed-policies.txt")
    return frozenset(file.read_text(encoding="utf-8").split())


def not_managed(policy: str) -> str:
    """Return why AWS has no such policy, and which may be meant; nothing if it has."""
    if policy in managed_policies():
        return ""
    names = {name.rpartition("/")[2]: name for name in managed_policies()}
    plain = policy.rpartition("/")[2]
    meant = names.get(plain) or next(
        (names[name] for name in difflib.get_close_matches(plain, names, n=1, cutoff=0.85)), ""
    )
    return (
        f"AWS has no policy {policy}; did you mean {meant}?"
        if meant
        else f"AWS had no policy {policy} on {DATE}; expected one of its list"
    )
