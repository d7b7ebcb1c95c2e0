# ruff: noqa: SLF001 - ministack has no public names for these
"""Conditions may use more than Ref: ministack evaluates the others, but not there."""

import copy
from typing import Any

from ministack.services.cloudformation import changesets, engine, handlers, stacks

FUNCTIONS = {"Fn::FindInMap", "Fn::Join", "Fn::Select", "Fn::Split", "Fn::Sub"}
_evaluate = engine._evaluate_conditions


def evaluate(template: dict[str, Any], values: dict[str, Any]) -> dict[str, bool]:
    mappings = template.get("Mappings", {})

    def settled(expression: Any) -> Any:
        if isinstance(expression, list):
            return [settled(entry) for entry in expression]
        if not isinstance(expression, dict):
            return expression
        if FUNCTIONS & set(expression) or str(expression.get("Ref")).startswith("AWS::"):
            asked = copy.deepcopy(expression)
            return engine._resolve_refs(asked, {}, values, {}, mappings, "", "")
        return {name: settled(entry) for name, entry in expression.items()}

    conditions = settled(template.get("Conditions", {}))
    found: dict[str, bool] = _evaluate(template | {"Conditions": conditions}, values)
    return found


def add() -> None:
    engine._evaluate_conditions = stacks._evaluate_conditions = evaluate
    changesets._evaluate_conditions = handlers._evaluate_conditions = evaluate
