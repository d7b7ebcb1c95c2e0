"""The way from the committed templates to a running environment."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.exceptions import ClientError

from liberty_cfn.deploy import adopting, beforehand, change_sets, diagnosis, migrating, secrets
from liberty_cfn.deploy.adopting import spelled_out
from liberty_cfn.deploy.attending import Operation
from liberty_cfn.deploy.change_sets import ChangeSet, ChangeSetError
from liberty_cfn.deploy.executing import execute
from liberty_cfn.deploy.following import Event, Follower, began, follow, silent
from liberty_cfn.deploy.packaging import package
from liberty_cfn.deploy.plans import Plan, needless, refusals
from liberty_cfn.deploy.protection import protect, protect_from_termination, restore
from liberty_cfn.deploy.statuses import Meaning, meaning, what_next
from liberty_cfn.deploy.targets import Target
from liberty_cfn.digests import digest
from liberty_cfn.environments import Environment
from liberty_cfn.nesting import DIGEST_TAG

# What a deploy can start from; from any other state the person has to go on first.
UPDATABLE = (Meaning.ABSENT, Meaning.GOOD, Meaning.UNDONE)


class DeployError(Exception):
    """The deploy was refused, or failed. The message says why, and what to do."""


class Progress(Protocol):
    """Who is told how a deploy goes along, and asked whether it should."""

    def say(self, line: str) -> None: ...
    def planned(self, plan: Plan) -> None: ...
    def consents(self) -> bool: ...
    def happened(self, events: list[Event]) -> None: ...


@dataclass(frozen=True)
class Outcome:
    """How a deploy ended well: whether anything changed, and the stack's outputs."""

    changed: bool
    outputs: Mapping[str, str]


def prepare(
    environment: Environment,
    target: Target,
    templates: Mapping[str, str],
    *,
    adopt: bool = False,
    say: Callable[[str], object] = silent,
) -> tuple[Plan, ChangeSet | None]:
    """Return what deploying would do, and the change set that would; None for nothing.

    With `adopt`, what is there under the environment's names is taken in.

    Raises:
        DeployError: something is in the way.
        ChangeSetError: CloudFormation can't plan the change.
    """
    if obstacles := list(beforehand.obstacles(environment, target, adopt=adopt)):
        raise DeployError("\n".join(obstacles))
    cloudformation = target.client("cloudformation")
    stack = find(cloudformation, environment.stack)
    change_set = change_sets.create(
        cloudformation,
        stack=environment.stack,
        new=_is_new(environment, stack),
        template_url=package(
            target, spelled_out(templates, environment) if adopt else templates
        ),
        parameters=environment.given,
        # CloudFormation copies these to every resource, nested ones included; but the
        # digest's, which each nested stack has in its own right (nesting.py).
        tags={**environment.tags, DIGEST_TAG: digest(templates)},
        adopt=adopt,
        say=say,
    )
    plan = Plan(
        environment.stack,
        digest(templates),
        change_set.changes if change_set else (),
        _parameters(environment, stack),
        reworded=change_set is not None and not change_set.changes,
    )
    return plan, change_set


def plan(
    environment: Environment,
    target: Target,
    templates: Mapping[str, str],
    say: Callable[[str], object] = silent,
) -> Plan:
    """Return what deploying would do, and leave no trace of having asked.

    Raises:
        DeployError: something is in the way.
        ChangeSetError: CloudFormation can't plan the change.
    """
    planned, change_set = prepare(environment, target, templates, say=say)
    if change_set:
        change_sets.discard(target.client("cloudformation"), change_set.id)
    return planned


def deploy(
    environment: Environment,
    target: Target,
    templates: Mapping[str, str],
    progress: Progress,
    allowed: Collection[str] = (),
    *,
    adopt: bool = False,
    failed: str = "",
) -> Outcome | None:
    """Make the environment what its templates and settings say; None without consent.

    `allowed` are the logical ids of stateful resources that may be replaced or deleted. With
    `adopt`, a new environment takes in what an earlier destroy kept. `failed` is the name of
    the stack, if what is left of its failed creation may be deleted. What is under way
    already is seen to its end first.

    Raises:
        AdoptError: a secret can't be taken in.
        DeployError: something is in the way, or CloudFormation refused or undid the change.
        ChangeSetError: CloudFormation can't plan the change.
        MigrationError: the migration failed; the service is as it was.
    """
    cloudformation = target.client("cloudformation")
    _begin_from(environment, target, progress, failed)
    adopt = adopt and beforehand.deployed(environment, target) is None
    if adopt and not _free_names(environment, target, progress):
        return None
    planned, change_set = prepare(environment, target, templates, adopt=adopt, say=progress.say)
    if change_set is not None:
        if not _agreed(cloudformation, planned, change_set, progress, allowed):
            return None
        if migrating.is_due(environment, planned):
            change_sets.discard(cloudformation, change_set.id)
            change_set = _migrate(
                environment, target, templates, progress, allowed, adopt=adopt
            )
        if allowed:
            protect(cloudformation, change_set.stack_id, allowed)
        _carry_out(environment, target, change_set, progress)
        if adopt:
            _put_names_back(environment, target, templates, progress)
    _give_back(environment, target, progress)
    stack = find(cloudformation, environment.stack) or {}
    _secure(cloudformation, stack, closed=change_set is not None)
    return Outcome(changed=change_set is not None, outputs=_outputs(stack))


def _migrate(
    environment: Environment,
    target: Target,
    templates: Mapping[str, str],
    progress: Progress,
    allowed: Collection[str],
    *,
    adopt: bool,
) -> ChangeSet:
    """Deploy all but the service's move, migrate, and return the change set of the move.

    Raises:
        DeployError: the deploy failed.
        MigrationError: the migration failed; the service is as it was.
    """
    cloudformation = target.client("cloudformation")
    held = environment.with_parameters(migrating.held(environment, target))
    _, change_set = prepare(held, target, templates, adopt=adopt)
    if change_set:
        progress.say("First all but the service, which stays as it is until it is migrated")
        if allowed:
            protect(cloudformation, change_set.stack_id, allowed)
        _carry_out(held, target, change_set, progress)
    stack = find(cloudformation, environment.stack)
    migrating.migrate(environment, target, stack["StackId"] if stack else "", progress.say)
    _, change_set = prepare(environment, target, templates, adopt=adopt)
    if change_set is None:
        raise DeployError("The service is there already: somebody else deployed meanwhile.")
    return change_set


def _agreed(
    cloudformation: Any,
    planned: Plan,
    change_set: ChangeSet,
    progress: Progress,
    allowed: Collection[str],
) -> bool:
    """Whether a plan may go ahead. If not, or if nobody stayed to say, no trace is left.

    Raises:
        DeployError: data would be lost.
    """
    agreed = False
    try:
        progress.planned(planned)
        for name in needless(planned, allowed):
            progress.say(
                f"--allow-replace {name}: as far as is known, nothing of that name goes"
            )
        if refused := refusals(planned, allowed):
            raise DeployError("\n".join(["Data would be lost; nothing was changed:", *refused]))
        agreed = progress.consents()
    finally:
        if not agreed:
            change_sets.discard(cloudformation, change_set.id)
    return agreed


def _secure(cloudformation: Any, stack: Mapping[str, Any], *, closed: bool) -> None:
    """Have the stack protected, and free of what deploys that were killed left behind."""
    stack_id = stack["StackId"]
    if not closed:
        restore(cloudformation, stack_id)
    change_sets.sweep(cloudformation, stack["StackName"])
    if not stack.get("EnableTerminationProtection"):
        protect_from_termination(cloudformation, stack_id)


def _begin_from(
    environment: Environment, target: Target, progress: Progress, failed: str
) -> None:
    """Bring the stack to where a deploy can begin.

    Raises:
        DeployError: what was under way failed, or what failed may not be deleted.
    """
    stack = find(target.client("cloudformation"), environment.stack)
    state = meaning(stack["StackStatus"]) if stack else Meaning.ABSENT
    if stack and state is Meaning.WORKING:
        _await_others(environment, target, progress, stack)
    elif stack and state is Meaning.BROKEN:
        _clear(environment, target, progress, stack, failed)


def _await_others(
    environment: Environment, target: Target, progress: Progress, stack: Mapping[str, Any]
) -> None:
    """See what is under way already to its end: another deploy's, or our own of before.

    Raises:
        DeployError: it failed, or the stack is being deleted.
    """
    cloudformation = target.client("cloudformation")
    stack_id, status = stack["StackId"], stack["StackStatus"]
    if status == "DELETE_IN_PROGRESS":
        raise DeployError(
            f"{environment.stack} is being deleted. {what_next(status, environment.name)} "
            "Deploy when it is gone."
        )
    progress.say(f"{environment.stack} is in {status}: attached to {stack_id}")
    follower = Follower(cloudformation, stack_id, began(cloudformation, stack_id))
    _see_to_its_end(environment, target, stack_id, follower, progress)


def _clear(
    environment: Environment,
    target: Target,
    progress: Progress,
    stack: Mapping[str, Any],
    failed: str,
) -> None:
    """Delete what a failed creation left, if it was named.

    Raises:
        DeployError: it was not, or it can't be deleted.
    """
    cloudformation = target.client("cloudformation")
    stack_id, status = stack["StackId"], stack["StackStatus"]
    if failed != environment.stack:
        raise DeployError(
            f"{environment.stack} is in {status}. {what_next(status, environment.name)}"
        )
    progress.say(f"Deleting what is left of {environment.stack}, {stack_id}")
    follower = Follower(cloudformation, stack_id)
    cloudformation.delete_stack(StackName=stack_id, ClientRequestToken=f"d-{uuid.uuid4().hex}")
    ended, events = follow(
        cloudformation, stack_id, follower, progress.happened, say=progress.say
    )
    if meaning(ended) is not Meaning.ABSENT:
        raise DeployError(
            diagnosis.explain(target.client, environment, stack_id, ended, events)
        )


def _free_names(environment: Environment, target: Target, progress: Progress) -> bool:
    """Free the names of secrets, which can't be imported; False without consent.

    Raises:
        AdoptError: a secret can't be taken in.
        DeployError: something else is in the way.
    """
    if obstacles := list(beforehand.obstacles(environment, target, adopt=True)):
        raise DeployError("\n".join(obstacles))
    for finding in beforehand.own_zone(environment, target):
        progress.say(str(finding))
    kept = adopting.kept_secrets(environment, target)
    if not kept:
        return True
    progress.say(
        "CloudFormation can't import secrets. These are deleted, made again by the stack, and "
        "given their values back, which wait in other secrets meanwhile:"
    )
    for name in kept:
        full, aside = secrets.full_name(environment, name), adopting.aside(environment, name)
        progress.say(f"  {full}, by way of {aside}")
    if not progress.consents():
        return False
    for name in kept:
        adopting.put_aside(environment, target, name)
    return True


def _put_names_back(
    environment: Environment,
    target: Target,
    templates: Mapping[str, str],
    progress: Progress,
) -> None:
    """Have the reviewed templates again in place of those with names spelled out."""
    planned, change_set = prepare(environment, target, templates)
    if change_set is None:
        return
    if any(change.type != change_sets.NESTED_STACK for change in planned.changes):
        change_sets.discard(target.client("cloudformation"), change_set.id)
        progress.say("What was adopted differs from the templates: see make plan")
        return
    progress.say("All is adopted; the stacks get the reviewed templates")
    _carry_out(environment, target, change_set, progress)


def _give_back(environment: Environment, target: Target, progress: Progress) -> None:
    """Give secrets that were adopted their values, and have running tasks read them."""
    given = adopting.give_back(environment, target)
    for full in given:
        progress.say(f"{full} has the value again that it had before")
    if given:
        with contextlib.suppress(secrets.SecretError):
            secrets.restart(environment, target)
            progress.say("The service replaces its tasks, which had other values")


def _carry_out(
    environment: Environment, target: Target, change_set: ChangeSet, progress: Progress
) -> None:
    """Execute a change set, follow it to its end, and protect what is there then.

    Raises:
        DeployError: it failed.
    """
    cloudformation, stack_id = target.client("cloudformation"), change_set.stack_id
    follower = Follower(cloudformation, stack_id)
    try:
        execute(cloudformation, change_set)
    except ChangeSetError:
        change_sets.discard(cloudformation, change_set.id)
        raise
    _see_to_its_end(environment, target, stack_id, follower, progress)


def _see_to_its_end(
    environment: Environment,
    target: Target,
    stack_id: str,
    follower: Follower,
    progress: Progress,
) -> None:
    """Follow what is under way, and protect what is there then.

    Raises:
        DeployError: it failed.
    """
    operation = Operation(environment, target, stack_id)
    operation.see_to_its_end(follower, progress.happened, progress.say)
    if operation.meaning in (Meaning.GOOD, Meaning.UNDONE):
        protect(target.client("cloudformation"), stack_id)
    if operation.meaning is not Meaning.GOOD:
        raise DeployError(operation.explained())


def find(cloudformation: Any, stack: str) -> dict[str, Any] | None:
    """Return a stack's description, or None where there is none."""
    try:
        found: dict[str, Any] = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as error:
        # There is no code for this, only words.
        if "does not exist" in str(error):
            return None
        raise
    return found


def outputs(cloudformation: Any, stack: str) -> dict[str, str]:
    """Return a stack's outputs."""
    return _outputs(find(cloudformation, stack) or {})


def _outputs(stack: Mapping[str, Any]) -> dict[str, str]:
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def _is_new(environment: Environment, stack: dict[str, Any] | None) -> bool:
    if stack is None:
        return True
    status = stack["StackStatus"]
    if (state := meaning(status)) not in UPDATABLE:
        advice = what_next(status, environment.name)
        raise DeployError(f"{environment.stack} is in {status}. {advice}")
    # A stack whose first change set was never executed is there, but empty.
    return state is Meaning.ABSENT


def _parameters(
    environment: Environment, stack: dict[str, Any] | None
) -> dict[str, tuple[str | None, str | None]]:
    """Return the parameters that would change, with their values before and after."""
    before = {
        p["ParameterKey"]: p["ParameterValue"] for p in (stack or {}).get("Parameters", [])
    }
    after = environment.settings if before else environment.given
    return {
        name: (before.get(name), after.get(name))
        for name in (*after, *(before.keys() - after.keys()))
        if before.get(name) != after.get(name)
    }
