"""LC14xx: databases, caches, buckets and repositories."""

from __future__ import annotations

from liberty_cfn.rules.rule import Rule

RULES: tuple[Rule, ...] = ()
