"""What ministack works out anew at every request, and need work out but once.

A deploy has the same templates read many times over, every answer looks up its service's
model, and who comes by a role has the role's policies read at each request.
"""

import functools
import pickle
from types import SimpleNamespace
from typing import Any

import yaml
from ministack.core import iam_actions, iam_evaluator, responses
from ministack.services.cloudformation import changesets, engine, handlers

MOST = 256  # templates, or policies
MATCHES = 4096


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Ministack's loader of templates, by the parser that is written in C."""

    yaml_constructors = engine.CfnLoader.yaml_constructors
    yaml_implicit_resolvers = engine.CfnLoader.yaml_implicit_resolvers


@functools.lru_cache(MOST)
def _kept(body: str) -> bytes:
    return pickle.dumps(_parse(body))


def _parsed(body: str) -> dict[str, Any]:
    """A template, which is the caller's to change."""
    found: dict[str, Any] = pickle.loads(_kept(body))  # noqa: S301 - we wrote it
    return found


def _service(service: str) -> Any:
    metadata = _model(responses._BOTOCORE_NAME.get(service, service)).get("metadata")
    return SimpleNamespace(metadata=metadata) if metadata else None


def _policy(document: str | dict[str, Any]) -> Any:
    """A policy's statements, which nobody changes."""
    return _statements(document) if isinstance(document, str) else _read(document)


def _matches(action: str, actions: list[str], others: list[str]) -> Any:
    """Whether an action is one that a statement is about."""
    return _matched(action, tuple(actions), tuple(others))


_matched = functools.lru_cache(MATCHES)(iam_evaluator._action_matches)
_read = iam_evaluator.parse_policy_document
_statements = functools.lru_cache(MOST)(_read)
_parse, _model = engine._parse_template, functools.cache(iam_actions._load_botocore_model)


def add() -> None:
    engine.CfnLoader = Loader
    for module in (engine, handlers, changesets):
        module._parse_template = _parsed
    iam_actions._load_botocore_model = _model
    responses._service_model = _service
    iam_evaluator.parse_policy_document = _policy
    iam_evaluator._action_matches = _matches
