"""LC15xx: secrets, and where their values go."""

from __future__ import annotations

from liberty_cfn.rules.rule import Rule

RULES: tuple[Rule, ...] = ()
