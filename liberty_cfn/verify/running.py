"""Asking AWS for every row and check, several at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from liberty_cfn.environments import Environment
from liberty_cfn.side_by_side import side_by_side
from liberty_cfn.verify.checks import Command, commands
from liberty_cfn.verify.facts import Check, Fact, Report, Row
from liberty_cfn.verify.reading import Aws, MissingError, RefusedError
from liberty_cfn.verify.rows import Resource, resources

# No more than a boto3 client has connections.
AT_ONCE = 8


def verify(environment: Environment, client: Callable[[str], Any]) -> Report:
    """Return how much of the spec exists in an environment, and what doesn't.

    `client` gives the boto3 client of a service, of the environment's account and region.

    Raises:
        VerifyError: AWS can't be reached, or rejects the credentials.
    """
    aws = Aws(environment, client)

    def row(number: int, resource: Resource) -> Row:
        facts = _known(resource.facts, aws, resource.thing)
        return Row(number, resource.category, resource.name, resource.thing, facts)

    def check(number: int, command: Command) -> Check:
        facts = _known(command.facts, aws, command.name)
        return Check(number, command.name, command.written, command.calls, facts)

    asking: list[Callable[[], Row | Check]] = [
        *(partial(row, *each) for each in enumerate(resources(aws), 1)),
        *(partial(check, *each) for each in enumerate(commands(aws), 1)),
    ]
    # On Ctrl-C, nothing is left behind without the answers.
    found = list(side_by_side(lambda ask: ask(), asking, AT_ONCE))
    return Report(
        environment=environment.name,
        region=environment.region,
        account=aws.account,
        rows=tuple(one for one in found if isinstance(one, Row)),
        checks=tuple(one for one in found if isinstance(one, Check)),
    )


def _known(facts: Callable[[Aws], Iterator[Fact]], aws: Aws, thing: str) -> tuple[Fact, ...]:
    """Return the facts as far as they can be known, and last what prevented more."""
    known: list[Fact] = []
    try:
        known.extend(facts(aws))
    except MissingError as error:
        known.append(Fact("exists", error.thing or thing, None, ok=False))
    except RefusedError as error:
        known.append(Fact("answer of AWS", "an answer", str(error), ok=False))
    return tuple(known)
