"""Taking an environment down, except what its templates keep."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from liberty_cfn.deploy import faults
from liberty_cfn.deploy.changes import removed
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.following import delete
from liberty_cfn.deploy.protection import protect_from_termination
from liberty_cfn.deploy.stack import described, find
from liberty_cfn.deploy.statuses import Meaning, state_of, what_next
from liberty_cfn.deploy.targets import Target
from liberty_cfn.deploy.work import Work
from liberty_cfn.environments import Environment
from liberty_cfn.stateful import LOSSES

# What AWS deletes only if it is empty.
EMPTY_ALONE = {"AWS::S3::Bucket", "AWS::ECR::Repository"}
KEPT = {"Retain": "stays", "RetainExceptOnCreate": "stays", "Snapshot": "leaves a snapshot"}


@dataclass(frozen=True)
class Kept:
    """A resource that holds data, and its DeletionPolicy, which says what is kept of it."""

    type: str
    id: str
    policy: str

    @property
    def how(self) -> str:
        """Return what happens to it, in words."""
        return f"is lost: {LOSSES[self.type]}" if self.lost else KEPT[self.policy]

    @property
    def lost(self) -> bool:
        """Whether nothing of it outlives its stack."""
        return self.policy not in KEPT


def stack_to_go(environment: Environment, target: Target) -> str:
    """Return the id of the environment's stack; empty where there is nothing to delete."""
    stack = find(target.client("cloudformation"), environment.stack)
    return str(stack["StackId"]) if stack and state_of(stack) is not Meaning.ABSENT else ""


def looked_through(
    environment: Environment, target: Target, stack_id: str, *, unprotected: bool = False
) -> tuple[list[Kept], list[str]]:
    """Return what deleting a stack would keep and lose; and, in words, what would prevent it.

    Of what is lost, only data: people need to know of that.
    CloudFormation would find that out only with half of the stack gone. `unprotected` is for a
    stack whose termination protection is about to be lifted.
    """
    cloudformation = target.client("cloudformation")
    stack, left = described(cloudformation, stack_id), [*_resources(cloudformation, stack_id)]
    hindrances, status, name = [], stack["StackStatus"], stack["StackName"]
    # AWS deletes a stack that is being created, but not one that is being updated.
    if state_of(stack) is Meaning.WORKING and status.startswith(("UPDATE", "IMPORT")):
        said = what_next(status, environment)
        hindrances.append(f"{name} is in {status}. {said}")
    unprotected = unprotected or _has_failed(stack)
    if stack.get("EnableTerminationProtection") and not unprotected:
        hindrances.append(
            f"{name} is protected from termination. If it really is to go: aws cloudformation "
            "update-termination-protection --no-enable-termination-protection "
            f"--region {target.region} --stack-name {name}"
        )
    for one in left:
        held = HELD.get(one.type)
        if held and KEPT.get(one.policy) != "stays" and held.keeps(target, one.id):
            said = held.says.format(name=environment.name, id=one.id, region=target.region)
            hindrances.append(f"{one.type} {one.id} {said}")
    losing = LOSSES.keys() - EMPTY_ALONE
    return [one for one in left if one.type in losing or not one.lost], hindrances


def as_json(kept: Iterable[Kept]) -> dict[str, list[dict[str, str]]]:
    """Return what is kept, and what is lost, for programs."""
    told: dict[str, list[dict[str, str]]] = {"kept": [], "lost": []}
    for one in kept:
        about = {"type": one.type, "physical_id": one.id, "how": one.how}
        told["lost" if one.lost else "kept"].append(about)
    return told


def what_is_kept(kept: Iterable[Kept], adopting: str) -> str:
    """Return, in words, how much is kept; `adopting` is the command that takes it in."""
    if not (number := sum(not one.lost for one in kept)):
        return "nothing was to be kept."
    count = "1 resource is" if number == 1 else f"{number} resources are"
    again = f" A new deploy can take them in: {adopting}" if adopting else ""
    return f"{count} kept, as listed above.{again}"


def destroy(work: Work, stack_id: str, seen: Collection[Kept]) -> None:
    """Delete the environment's stack, except what its templates keep.

    `seen` is what is kept and lost, as shown to the person who agreed to it.

    Raises:
        DeployError: something can't, or could not, be deleted. The message says what and why.
        FollowError: the deadline has passed, or the credentials have expired.
    """
    cloudformation, name = work.cloudformation, work.environment.stack
    if (stack := find(cloudformation, name)) is None or stack["StackId"] != stack_id:
        left = f"{name} was deleted meanwhile, by somebody else; nothing was deleted here."
        again = f" What has its name now was made since: {stack['StackId']}" if stack else ""
        raise DeployError(left + again)
    kept, hindrances = looked_through(work.environment, work.target, stack_id)
    if lost := [one for one in kept if one.lost and one not in seen]:
        told = [f"{one.type} {one.id} {one.how}" for one in lost]
        hindrances += ["That was not said before, and somebody has deployed since:", *told]
    if hindrances:
        told = ["Nothing was deleted:", *hindrances]
        raise DeployError("\n".join(told), hindrances=hindrances)
    if _has_failed(stack):
        protect_from_termination(cloudformation, stack_id, on=False)
    delete(work, stack_id)


def _has_failed(stack: dict[str, Any]) -> bool:
    """Whether a stack's creation failed: nothing in it is worth protecting."""
    return state_of(stack) is Meaning.BROKEN


@dataclass(frozen=True)
class _Held:
    """What keeps a type of resource from being deleted: how to find out, and what to do.

    `gone` is AWS's code for a resource that doesn't exist: if deleted by hand, it prevents
    nothing.
    """

    by: Callable[[Target, str], bool]
    gone: str
    says: str

    def keeps(self, target: Target, physical_id: str) -> bool:
        with faults.unless(self.gone):
            return self.by(target, physical_id)
        return False


def _holds_files(target: Target, bucket: str) -> bool:
    found = target.client("s3").list_object_versions(Bucket=bucket, MaxKeys=1)
    return bool(found.get("Versions") or found.get("DeleteMarkers"))


def _holds_images(target: Target, repository: str) -> bool:
    found = target.client("ecr").list_images(repositoryName=repository, maxResults=1)
    return bool(found["imageIds"])


def _protected_database(target: Target, database: str) -> bool:
    found = target.client("rds").describe_db_instances(DBInstanceIdentifier=database)
    return any(each.get("DeletionProtection") for each in found["DBInstances"])


def _protected_balancer(target: Target, balancer: str) -> bool:
    found = target.client("elbv2").describe_load_balancer_attributes(LoadBalancerArn=balancer)
    attributes = {each["Key"]: each["Value"] for each in found["Attributes"]}
    return attributes.get("deletion_protection.enabled") == "true"


_PROTECTED = (
    "is protected from deletion: set {setting}: false in params/{{name}}.yaml, and "
    "make deploy ENV={{name}}, first; where it says so, somebody protected it by hand: aws "
    "{command} {{id}} --region {{region}}"
)
HELD = {
    "AWS::S3::Bucket": _Held(
        _holds_files,
        "NoSuchBucket",
        "holds files, so AWS doesn't delete it: empty it first, old versions included.",
    ),
    "AWS::ECR::Repository": _Held(
        _holds_images,
        "RepositoryNotFoundException",
        "holds images, so AWS doesn't delete it: delete them first.",
    ),
    "AWS::RDS::DBInstance": _Held(
        _protected_database,
        "DBInstanceNotFound",
        _PROTECTED.format(
            setting="DatabaseDeletionProtection",
            command="rds modify-db-instance --no-deletion-protection --db-instance-identifier",
        ),
    ),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": _Held(
        _protected_balancer,
        "LoadBalancerNotFound",
        _PROTECTED.format(
            setting="BalancerDeletionProtection",
            command="elbv2 modify-load-balancer-attributes --attributes "
            "Key=deletion_protection.enabled,Value=false --load-balancer-arn",
        ),
    ),
}


def _resources(cloudformation: Any, stack_id: str) -> Iterator[Kept]:
    """Yield a stack's resources, and those of the stacks nested in it."""
    for change in removed(cloudformation, stack_id, ()):
        if change.physical_id:
            yield Kept(change.type, change.physical_id, change.left)
