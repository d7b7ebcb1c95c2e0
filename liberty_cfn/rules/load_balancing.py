"""LC12xx: load balancers, their listeners and targets."""

from __future__ import annotations

from liberty_cfn.rules.rule import Rule

RULES: tuple[Rule, ...] = ()
