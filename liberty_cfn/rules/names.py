"""LC11xx: what things are called."""

from __future__ import annotations

from liberty_cfn.rules.rule import Rule

RULES: tuple[Rule, ...] = ()
