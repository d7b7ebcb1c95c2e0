"""LC13xx: containers, the tasks they are in, and the service that runs them."""

from __future__ import annotations

from liberty_cfn.rules.rule import Rule

RULES: tuple[Rule, ...] = ()
