"""What deploying would do, and the change set that would."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from liberty_cfn.deploy import beforehand, change_sets, discarding
from liberty_cfn.deploy.changes import ChangeSet
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.packaging import package
from liberty_cfn.deploy.patience import silent
from liberty_cfn.deploy.plans import Plan, changed_values
from liberty_cfn.deploy.stack import find, parameters, tags
from liberty_cfn.deploy.statuses import UPDATABLE, Meaning, state_of, what_next
from liberty_cfn.deploy.targets import Target
from liberty_cfn.digests import digest
from liberty_cfn.environments import Environment
from liberty_cfn.nesting import DIGEST_TAG

if TYPE_CHECKING:
    from liberty_cfn.deploy.drift import Compared
NAME = re.compile(r"(?<=: )!Sub '?([\w./-]+)\$\{Suffix\}'?$", re.MULTILINE)


def look_ahead(
    environment: Environment,
    target: Target,
    templates: Mapping[str, str],
    stack: Mapping[str, Any] | None,
    *,
    adopt: bool = False,
) -> None:
    """Look for what surely makes a deploy of these templates to a stack fail.

    With `adopt`, what is there under the environment's names is not in the way.

    Raises:
        DeployError: there is something.
    """
    obstacles = beforehand.obstacles(environment, target, stack, templates)
    if found := [str(each) for each in obstacles if not (adopt and each.adoptable)]:
        raise DeployError("\n".join(["This is in the way; nothing was made:", *found]))


def prepare(
    environment: Environment,
    target: Target,
    templates: Mapping[str, str],
    stack: Mapping[str, Any] | None,
    *,
    adopt: bool = False,
    drift: bool = False,
    say: Callable[[str], object] = silent,
) -> tuple[Plan, ChangeSet | None]:
    """Return what deploying would do, and the change set that would do it: None for nothing.

    `stack` is the environment's, as it was found. With `adopt`, what is there under the
    environment's names is taken in. With `drift`, the plan says what would become of what was
    changed by hand, which takes minutes.

    Raises:
        DeployError: something is in the way, or CloudFormation can't plan the change.
        FollowError: comparing takes too long, or the credentials are over.
    """
    look_ahead(environment, target, templates, stack, adopt=adopt)
    whole = digest(templates)
    new = _is_new(environment, stack)
    compared = _compared(environment, target, None if new else stack, say) if drift else None
    change_set = change_sets.create(
        target.client("cloudformation"),
        stack=environment.stack,
        new=new,
        template_url=package(
            target, spelled_out(templates, environment) if adopt else templates
        ),
        parameters=environment.given,
        # CloudFormation copies these tags to all resources, also to nested ones; but not the
        # digest's, as each nested stack has a value of its own for that (nesting.py).
        tags={**environment.tags, DIGEST_TAG: whole},
        adopt=adopt,
        say=say,
    )
    before = parameters(stack or {})
    changes = change_set.changes if change_set else ()
    plan = Plan(
        environment.stack,
        whole,
        changes,
        changed_values(before, environment.settings if before else environment.given),
        reworded=change_set is not None and not changes,
        tags=_retagged(environment, stack),
        compared=compared,
    )
    return plan, change_set


def prepare_now(
    environment: Environment,
    target: Target,
    templates: Mapping[str, str],
    *,
    adopt: bool = False,
    drift: bool = False,
    say: Callable[[str], object] = silent,
) -> tuple[Plan, ChangeSet | None]:
    """As `prepare`, of the environment's stack as it is now."""
    stack = find(target.client("cloudformation"), environment.stack)
    return prepare(environment, target, templates, stack, adopt=adopt, drift=drift, say=say)


def plan(
    environment: Environment,
    target: Target,
    templates: Mapping[str, str],
    say: Callable[[str], object] = silent,
    *,
    drift: bool = False,
) -> Plan:
    """Return what deploying would do, and leave no trace of having asked; as `prepare`.

    Raises:
        DeployError: something is in the way, or CloudFormation can't plan the change.
    """
    cloudformation = target.client("cloudformation")
    discarding.sweep_forgotten(cloudformation, environment.stack, say)
    planned, change_set = prepare_now(environment, target, templates, drift=drift, say=say)
    if change_set:
        discarding.drop(cloudformation, change_set, say)
    return planned


def spelled_out(templates: Mapping[str, str], environment: Environment) -> dict[str, str]:
    """Return the templates with the names that the suffix ends written as plain text."""
    suffix = environment.named("")
    return {name: NAME.sub(rf"\g<1>{suffix}", text) for name, text in templates.items()}


def _compared(
    environment: Environment,
    target: Target,
    stack: Mapping[str, Any] | None,
    say: Callable[[str], object],
) -> Compared | None:
    if stack is None:
        say("Nothing is deployed yet, so nothing was changed by hand")
        return None
    from liberty_cfn.deploy.drift import detect  # noqa: PLC0415 - asked for seldom

    cloudformation = target.client("cloudformation")
    return detect(cloudformation, stack["StackId"], environment.name, say=say)


def _is_new(environment: Environment, stack: Mapping[str, Any] | None) -> bool:
    state = state_of(stack)
    if stack and state not in UPDATABLE:
        status = stack["StackStatus"]
        advice = what_next(status, environment)
        raise DeployError(f"{environment.stack} is in {status}. {advice}")
    # A stack whose first change set was never executed is there, but empty.
    return state is Meaning.ABSENT


def _retagged(
    environment: Environment, stack: Mapping[str, Any] | None
) -> dict[str, tuple[str | None, str | None]]:
    """Return the tags of a stack that would change, with their values before and after."""
    before = tags(stack or {})
    before.pop(DIGEST_TAG, None)
    return changed_values(before, environment.tags if before else {})
