"""Which image to deploy: the digest that the setting stands for now.

A tag can move without CloudFormation noticing; a digest can't. So `latest` moved means a
new deployment, and nothing moved means none.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from liberty_cfn.deploy import faults
from liberty_cfn.deploy.targets import Target
from liberty_cfn.deploy.tasks import service
from liberty_cfn.environments import Environment

REPOSITORY = "liberty-social-backend"
DIGEST = "sha256:"
# The tag to push if the setting names a digest, as nothing can be pushed by digest.
ANY_TAG = "latest"
NO_REPOSITORY, NO_IMAGE = "RepositoryNotFoundException", "ImageNotFoundException"


@dataclass(frozen=True)
class Image:
    """The image to deploy, by what is in the repository.

    `digest` is empty if it isn't there. `parameters` override the environment's. `advice` says
    how to push an image that is missing. `refusal` is why the deploy is refused; empty if it
    isn't.
    """

    digest: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    advice: str = ""
    refusal: str = ""


def resolve(environment: Environment, target: Target) -> Image:
    """Return the image that the setting `Image` stands for now, and what it means.

    Without one, the service is deployed with no tasks, as it would wait for them for hours;
    the next deploy raises it to the settings' count. But a service that runs is not stopped
    because a tag was misspelt or deleted: that deploy is refused.

    On the local AWS a missing image is no reason to stop: nothing is pulled there, nobody
    pushes, and tasks count as running all the same. The image stays as it was given.
    """
    if digest := _digest(environment, target):
        return Image(digest, {"Image": digest})
    if environment.is_local:
        return Image()
    running = service(environment, target)
    # Where there is a service, the stack has made both.
    gone = digest is None and running is not None
    commands = how_to_push(environment, target, gone=gone)
    image, repository = environment.settings["Image"], environment.named(REPOSITORY)
    kind = "digest" if image.startswith(DIGEST) else "tag"
    lacks = "is gone, deleted by hand" if gone else f"has no image with the {kind} {image}"
    absent = f"repository {repository} {lacks}"
    step = "Make it again, and push" if gone else "Set Image to one that exists, or push it"
    if running and (count := running["desiredCount"]):
        refusal = (
            f"Image: the {absent}, and deploying without it would stop what runs "
            f"({_tasks(count)}). {step}:\n{commands}"
        )
        return Image(advice=commands, refusal=refusal)
    count = int(environment.settings["DesiredCount"])
    advice = (
        f"The {absent}, so the service has no tasks yet. From the folder with the "
        f"application's Dockerfile, push one; the deploy after it starts {_tasks(count)} "
        f"(make, from this repository):\n{commands}"
    )
    return Image(parameters={"DesiredCount": "0"}, advice=advice)


def as_deployed(environment: Environment, target: Target) -> tuple[Environment, str]:
    """Return the environment as deploying leaves it, and what to do if it has no image yet.

    That is without tasks then. Where AWS doesn't say, it is as it was given.
    """
    with contextlib.suppress(*faults.OF_AWS):
        image = resolve(environment, target)
        if not image.digest and not image.refusal:
            return environment.with_parameters(image.parameters), image.advice
    return environment, ""


def how_to_push(environment: Environment, target: Target, *, gone: bool = False) -> str:
    """Return the commands that push an image and have it run, one a line.

    `gone` is whether the stack's repository is, which no deploy makes again.
    """
    uri = repository_uri(environment, target)
    registry = uri.partition("/")[0]
    image = environment.settings["Image"]
    by_digest = image.startswith(DIGEST)
    tagged = f"{uri}:{ANY_TAG if by_digest else image}"
    password = f"aws ecr get-login-password --region {target.region}"
    again = (
        f"aws ecr create-repository --region {target.region} "
        f"--repository-name {environment.named(REPOSITORY)}"
    )
    commands = [
        *([again] if gone else []),
        f"{password} | docker login --username AWS --password-stdin {registry}",
        # The tasks run on this, whatever the machine at hand is.
        f"docker build --platform linux/amd64 --tag {tagged} .",
        f"docker push {tagged}",
    ]
    if by_digest:
        commands.append(
            f"# put the digest that the push tells into params/{environment.name}.yaml: Image"
        )
    return "\n".join(f"  {line}" for line in [*commands, f"make deploy ENV={environment.name}"])


def repository_uri(environment: Environment, target: Target) -> str:
    """Return the address of the environment's repository, also before there is one."""
    registry = f"{target.account}.dkr.ecr.{target.region}.{target.domain}"
    return f"{registry}/{environment.named(REPOSITORY)}"


def _digest(environment: Environment, target: Target) -> str | None:
    """Return the digest of the image; empty if it isn't there, None without its repository."""
    image = environment.settings["Image"]
    by = "imageDigest" if image.startswith(DIGEST) else "imageTag"
    with faults.unless(NO_REPOSITORY):
        with faults.unless(NO_IMAGE):
            found = target.client("ecr").describe_images(
                repositoryName=environment.named(REPOSITORY), imageIds=[{by: image}]
            )["imageDetails"]
            return str(found[0]["imageDigest"]) if found else ""
        return ""
    return None


def _tasks(count: int) -> str:
    return "1 task" if count == 1 else f"{count} tasks"
