"""LC19xx: what CloudFormation and AWS count, and tags."""

from __future__ import annotations

from liberty_cfn.rules.rule import Rule

RULES: tuple[Rule, ...] = ()
