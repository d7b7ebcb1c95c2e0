"""What the tests talk about: the stacks, as CloudFormation would read them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from troposphere import Template

from liberty_cfn.generation import BOOTSTRAP, bootstrap
from liberty_cfn.nesting import Root
from liberty_cfn.root import build


@dataclass(frozen=True)
class Rendered:
    """A template as plain dictionaries, with CloudFormation's functions written in full."""

    body: dict[str, Any]

    def __getitem__(self, title: str) -> Any:
        """Return the properties of the resource called `title`."""
        return self.body["Resources"][title]["Properties"]

    def resource(self, title: str) -> Any:
        return self.body["Resources"][title]

    def of_type(self, resource_type: str) -> dict[str, Any]:
        return {
            title: resource["Properties"]
            for title, resource in self.body["Resources"].items()
            if resource["Type"] == resource_type
        }

    def policies(self, title: str) -> list[dict[str, Any]]:
        """Return every policy document in a resource, also one written as text."""
        return list(_policies(self[title]))

    def statements(self, title: str) -> list[dict[str, Any]]:
        return [s for document in self.policies(title) for s in document["Statement"]]


def _policies(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, str) and value.startswith("{") and '"Statement"' in value:
        yield from _policies(json.loads(value))
    elif isinstance(value, dict):
        if "Statement" in value:
            yield value
        for item in value.values():
            yield from _policies(item)
    elif isinstance(value, list):
        for item in value:
            yield from _policies(item)


def _rendered(template: Template) -> Rendered:
    return Rendered(template.to_dict())


@pytest.fixture(scope="session")
def built() -> Root:
    return build()


@pytest.fixture(scope="session")
def root(built: Root) -> Rendered:
    return _rendered(built.template)


@pytest.fixture(scope="session")
def stacks(built: Root) -> dict[str, Rendered]:
    return {name: _rendered(child) for name, child in built.children.items()}


@pytest.fixture(scope="session")
def templates(root: Rendered, stacks: dict[str, Rendered]) -> dict[str, Rendered]:
    """Return the root and what is nested in it."""
    return {"root": root, **stacks}


@pytest.fixture(scope="session")
def bootstraps() -> dict[str, Rendered]:
    """Return what an administrator makes, by the path of its file in templates/."""
    built = dict(bootstrap(build_one) for build_one in BOOTSTRAP)
    return {f"bootstrap/{name}": _rendered(template) for name, template in built.items()}


@pytest.fixture(scope="session")
def all_templates(
    templates: dict[str, Rendered], bootstraps: dict[str, Rendered]
) -> dict[str, Rendered]:
    """Return every template there is, by the path of its file in templates/."""
    return templates | bootstraps


@pytest.fixture(scope="session")
def named() -> Callable[[str], dict[str, Any]]:
    """Return what a nested template says for a name of the spec."""
    return lambda name: {"Fn::Join": ["", [name, {"Ref": "Suffix"}]]}


@pytest.fixture(scope="session")
def default(root: Rendered) -> Callable[[str], Any]:
    """Return a setting's default, which is production's."""
    return lambda setting: root.body["Parameters"][setting]["Default"]


@pytest.fixture(scope="session")
def alerts(stacks: dict[str, Rendered]) -> Rendered:
    return stacks["alerts"]


@pytest.fixture(scope="session")
def outbound(stacks: dict[str, Rendered]) -> Rendered:
    return stacks["outbound"]


@pytest.fixture(scope="session")
def registry(stacks: dict[str, Rendered]) -> Rendered:
    return stacks["registry"]


@pytest.fixture(scope="session")
def storage(stacks: dict[str, Rendered]) -> Rendered:
    return stacks["storage"]


@pytest.fixture(scope="session")
def logs(stacks: dict[str, Rendered]) -> Rendered:
    return stacks["logs"]


@pytest.fixture(scope="session")
def secrets(stacks: dict[str, Rendered]) -> Rendered:
    return stacks["secrets"]


@pytest.fixture(scope="session")
def identity(stacks: dict[str, Rendered]) -> Rendered:
    return stacks["identity"]


@pytest.fixture(scope="session")
def network(stacks: dict[str, Rendered]) -> Rendered:
    return stacks["network"]


@pytest.fixture(scope="session")
def security(stacks: dict[str, Rendered]) -> Rendered:
    return stacks["security"]


@pytest.fixture(scope="session")
def entrance(stacks: dict[str, Rendered]) -> Rendered:
    return stacks["entrance"]


@pytest.fixture(scope="session")
def database(stacks: dict[str, Rendered]) -> Rendered:
    return stacks["database"]


@pytest.fixture(scope="session")
def cache(stacks: dict[str, Rendered]) -> Rendered:
    return stacks["cache"]


@pytest.fixture(scope="session")
def service(stacks: dict[str, Rendered]) -> Rendered:
    return stacks["service"]


@pytest.fixture(scope="session")
def monitoring(stacks: dict[str, Rendered]) -> Rendered:
    return stacks["monitoring"]
