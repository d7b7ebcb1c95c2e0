"""What ministack works out anew at every request, and need work out but once.

A deploy has the same templates read many times over, every answer looks up its service's
model, and who comes by a role has the role's policies read at each request.
"""

import functools
from types import SimpleNamespace
from typing import Any

import yaml
from ministack.core import iam_actions, iam_evaluator, responses
from ministack.services.cloudformation import engine

from .asking import Function, around

MOST = 512  # templates and policies


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Ministack's loader of templates, by the parser that is written in C."""

    yaml_constructors = engine.CfnLoader.yaml_constructors
    yaml_implicit_resolvers = engine.CfnLoader.yaml_implicit_resolvers


@functools.lru_cache(MOST)
def _read(read: Function, document: str) -> Any:
    """A template, or a policy's statements: none of which anybody changes."""
    return read(document)


def _policy(parse: Function, document: Any) -> Any:
    return _read(parse, document) if isinstance(document, str) else parse(document)


def _service(service: str) -> Any:
    name = responses._BOTOCORE_NAME.get(service, service)
    metadata = iam_actions._load_botocore_model(name).get("metadata")
    return SimpleNamespace(metadata=metadata) if metadata else None


def add() -> None:
    engine.CfnLoader = Loader
    around(engine._parse_template, _read)
    iam_actions._load_botocore_model = functools.cache(iam_actions._load_botocore_model)
    responses._service_model = _service
    around(iam_evaluator.parse_policy_document, _policy)
