"""Conditions may use more than Ref: ministack evaluates the others, but not there."""

from typing import Any

from ministack.services.cloudformation import changesets, engine, handlers, stacks


def evaluate(template: dict[str, Any], values: dict[str, Any]) -> dict[str, bool]:
    conditions, mappings = template.get("Conditions", {}), template.get("Mappings", {})

    def whole(value: Any) -> Any:
        """A condition, with those it is made of in place of their names."""
        if isinstance(value, list):
            return [whole(entry) for entry in value]
        if not isinstance(value, dict):
            return value
        if "Condition" in value:
            return whole(conditions[value["Condition"]])
        return {name: whole(entry) for name, entry in value.items()}

    return {
        name: bool(engine._resolve_refs(whole(condition), {}, values, {}, mappings, "", ""))
        for name, condition in conditions.items()
    }


def add() -> None:
    engine._evaluate_conditions = stacks._evaluate_conditions = evaluate
    changesets._evaluate_conditions = handlers._evaluate_conditions = evaluate
