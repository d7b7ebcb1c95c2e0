"""What deploying would do, and the change set that would."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from liberty_cfn.deploy import beforehand, change_sets, discarding, faults, migrating
from liberty_cfn.deploy.changes import Change, ChangeSet
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.finding import as_json
from liberty_cfn.deploy.packaging import package
from liberty_cfn.deploy.plans import Plan, changed_values
from liberty_cfn.deploy.stack import find, parameters, tags
from liberty_cfn.deploy.statuses import UPDATABLE, Meaning, hindrance, state_of
from liberty_cfn.deploy.targets import Target
from liberty_cfn.deploy.tasks import SERVICE_TYPE, service
from liberty_cfn.deploy.work import Work
from liberty_cfn.digests import digest
from liberty_cfn.environments import Environment
from liberty_cfn.nesting import DIGEST_TAG

if TYPE_CHECKING:
    from liberty_cfn.deploy.drift import Compared
NAME = re.compile(r"(?<=: )!Sub '?([\w./-]+)\$\{Suffix\}'?$", re.MULTILINE)


def look_ahead(work: Work, stack: Mapping[str, Any] | None, *, adopt: bool = False) -> None:
    """Check that nothing is in the way that would surely make a deploy fail.

    With `adopt`, what exists under the environment's names is not in the way.

    Raises:
        DeployError: something is.
    """
    obstacles = beforehand.obstacles(work.environment, work.target, stack, work.templates)
    if obstacles and beforehand.deployed(stack) is None:
        # What another deploy has begun to make meanwhile is nothing to delete, or to take in.
        now = find(work.cloudformation, work.environment.stack)
        if beforehand.deployed(now) is not None:
            raise DeployError(change_sets.JUST_BEFORE)
    if found := [each for each in obstacles if not (adopt and each.adoptable)]:
        told = ["This is in the way; nothing was made:", *map(str, found)]
        raise DeployError("\n".join(told), findings=as_json(found))


def prepare(
    work: Work, stack: Mapping[str, Any] | None, *, adopt: bool = False, drift: bool = False
) -> tuple[Plan, ChangeSet | None]:
    """Return what deploying would do, and the change set that would do it; None for nothing.

    `stack` is the environment's, as it was found. With `adopt`, what exists under the
    environment's names is taken in. With `drift`, the plan says what would become of changes
    made by hand, which takes minutes.

    Raises:
        DeployError: something is in the way, or CloudFormation can't plan the change.
        FollowError: comparing takes too long, or the credentials have expired.
    """
    planned, change_set = _planned(work, stack, adopt=adopt, drift=drift)
    if change_set is None:
        return planned, None
    with discarding.kept_only_if_well(work.cloudformation, change_set):
        notes = (
            *migrating.foretold(work.environment, planned),
            *scaled_in(work.environment, work.target, planned.changes),
            *_failing(work, stack, planned.changes),
        )
    return replace(planned, notes=notes), change_set


def prepare_now(work: Work, *, adopt: bool = False) -> tuple[Plan, ChangeSet | None]:
    """As `prepare`, of what was agreed to, with the environment's stack as it is now.

    Nobody is shown this plan: it has no notes, which may take a call for each stack.
    """
    return _planned(work, find(work.cloudformation, work.environment.stack), adopt=adopt)


def _planned(
    work: Work, stack: Mapping[str, Any] | None, *, adopt: bool, drift: bool = False
) -> tuple[Plan, ChangeSet | None]:
    """As `prepare`, but for the plan's notes."""
    environment, templates = work.environment, work.templates
    look_ahead(work, stack, adopt=adopt)
    whole, state = digest(templates), state_of(stack)
    if stack and state not in UPDATABLE:
        raise hindrance(stack["StackStatus"], environment)
    # A stack whose first change set was never executed exists, but is empty.
    new = state is Meaning.ABSENT
    compared = _compared(work, None if new else stack) if drift else None
    spelled = spelled_out(templates, environment) if adopt else templates
    if work.target.is_aws:
        work.progress.say("CloudFormation makes the plan, which takes up to a minute")
    change_set = change_sets.create(
        work.cloudformation,
        stack=environment.stack,
        new=new,
        template={"TemplateURL": package(work.target, spelled)},
        parameters=environment.given,
        # CloudFormation copies these tags to all resources, nested ones included; not the
        # digest's, for which each nested stack has its own value (nesting.py).
        tags={**environment.tags, DIGEST_TAG: whole},
        adopt=adopt,
        say=work.progress.say,
    )
    if change_set:
        with discarding.kept_only_if_well(work.cloudformation, change_set):
            change_set = with_data(work, stack, change_set)
    before = parameters(stack or {})
    planned = Plan(
        environment.stack,
        whole,
        change_set.changes if change_set else (),
        changed_values(before, environment.settings if before else environment.given),
        reworded=change_set is not None and not change_set.changes,
        tags=_retagged(environment, stack),
        compared=compared,
    )
    return planned, change_set


def plan(work: Work, *, drift: bool = False) -> Plan:
    """Return what deploying would do, and leave no trace; as `prepare`.

    Raises:
        DeployError: something is in the way, or CloudFormation can't plan the change.
    """
    cloudformation, say = work.cloudformation, work.progress.say
    discarding.sweep_forgotten(cloudformation, work.environment.stack, say)
    stack = find(cloudformation, work.environment.stack)
    planned, change_set = prepare(work, stack, drift=drift)
    if change_set:
        discarding.drop(cloudformation, change_set, say)
    return planned


def spelled_out(templates: Mapping[str, str], environment: Environment) -> dict[str, str]:
    """Return the templates with names that end with the suffix spelled out, not substituted."""
    suffix = environment.named("")
    return {name: NAME.sub(rf"\g<1>{suffix}", text) for name, text in templates.items()}


def _compared(work: Work, stack: Mapping[str, Any] | None) -> Compared | None:
    say = work.progress.say
    if stack is None:
        say("Nothing is deployed yet, so nothing was changed by hand")
        return None
    from liberty_cfn.deploy.drift import detect  # noqa: PLC0415 - asked for seldom

    return detect(work.cloudformation, stack["StackId"], work.environment.name, say=say)


def scaled_in(
    environment: Environment, target: Target, changes: Iterable[Change]
) -> Iterator[str]:
    """Yield that a service runs more tasks than its template says, if that may change.

    CloudFormation sets the count back with whatever else of the service it changes.
    https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/187
    """
    wanted = int(environment.settings["DesiredCount"])
    surely = any((c.type, c.action) == (SERVICE_TYPE, "Modify") for c in changes)
    if not wanted or not (surely or any(c.opaque and c.resource == "Service" for c in changes)):
        return
    # It is worth a word, and no reason to stop.
    with contextlib.suppress(*faults.OF_AWS):
        running = service(environment, target)
        if running and running["desiredCount"] > wanted:
            yield (
                f"The service was scaled to {running['desiredCount']} tasks, and is "
                f"{'' if surely else 'perhaps '}set back to {wanted} (DesiredCount), from "
                "where scaling goes on: under load, set a higher DesiredCount for this deploy."
            )


def _failing(
    work: Work, stack: Mapping[str, Any] | None, changes: Iterable[Change]
) -> Iterator[str]:
    """Yield what of an update AWS would refuse half-way, which no change set says."""
    if not changes or beforehand.deployed(stack) is None:
        return
    from liberty_cfn.deploy.foreseeing import failures  # noqa: PLC0415 - slow to load

    yield from failures(work, stack or {})


def with_data(work: Work, stack: Mapping[str, Any] | None, change_set: ChangeSet) -> ChangeSet:
    """Return a change set with what becomes of data where CloudFormation doesn't tell it."""
    if not any(change.opaque for change in change_set.changes):
        return change_set
    from liberty_cfn.deploy.foreseeing import inside  # noqa: PLC0415 - slow to load

    # Whatever AWS has there, policies keep what would be replaced or deleted.
    with contextlib.suppress(Exception):
        found = tuple(inside(work, stack or {}, change_set.changes))
        return replace(change_set, changes=(*change_set.changes, *found))
    work.progress.say(
        "Whether a secret gets another value there, or less of what holds data is kept, can't "
        "be told either."
    )
    return change_set


def _retagged(
    environment: Environment, stack: Mapping[str, Any] | None
) -> dict[str, tuple[str | None, str | None]]:
    """Return the tags of a stack that would change, with their values before and after."""
    before = tags(stack or {})
    before.pop(DIGEST_TAG, None)
    return changed_values(before, environment.tags if before else {})
