"""LC16xx: who may do what."""

from __future__ import annotations

from liberty_cfn.rules.rule import Rule

RULES: tuple[Rule, ...] = ()
