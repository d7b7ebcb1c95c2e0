"""The image to deploy: looked up, turned into its digest, or told how to push."""

import dataclasses
import json

import pytest
from botocore.stub import Stubber

from liberty_cfn.deploy import images
from liberty_cfn.environments import load

NAME = "liberty-social-backend-dev"
URI = f"000000000000.dkr.ecr.us-east-1.amazonaws.com/{NAME}"
NONE = "sha256:" + "0" * 64


@pytest.fixture
def dev():
    return load("dev")


def with_settings(environment, **settings):
    return dataclasses.replace(
        environment,
        given={**environment.given, **settings},
        settings={**environment.settings, **settings},
    )


def repository(target, name=NAME):
    target.client("ecr").create_repository(repositoryName=name)


def push(target, content, tag="latest", name=NAME):
    manifest = json.dumps({"schemaVersion": 2, "content": content})
    pushed = target.client("ecr").put_image(
        repositoryName=name, imageManifest=manifest, imageTag=tag
    )
    return pushed["image"]["imageId"]["imageDigest"]


def run_tasks(target, count):
    ecs = target.client("ecs")
    ecs.create_cluster(clusterName=NAME)
    container = [{"name": "app", "image": "x"}]
    ecs.register_task_definition(family=NAME, containerDefinitions=container)
    ecs.create_service(
        cluster=NAME,
        serviceName="liberty-social-backend-service-dev",
        taskDefinition=NAME,
        desiredCount=count,
    )


def test_a_tag_is_deployed_as_the_digest_it_stands_for(target, dev):
    repository(target)
    digest = push(target, "first")
    image = images.resolve(dev, target)
    assert image.digest == digest
    assert image.parameters == {"Image": digest}
    assert (image.advice, image.refusal) == ("", "")


def test_a_tag_that_moved_is_a_new_deployment_and_one_that_did_not_is_none(target, dev):
    repository(target)
    push(target, "first")
    before = images.resolve(dev, target).parameters
    assert images.resolve(dev, target).parameters == before
    push(target, "second")
    assert images.resolve(dev, target).parameters != before


def test_other_tags_are_not_taken_for_it(target, dev):
    repository(target)
    push(target, "first", tag="v1")
    assert not images.resolve(dev, target).digest


def test_a_digest_is_deployed_as_it_is(target, dev):
    repository(target)
    digest = push(target, "first", tag="v1")
    assert images.resolve(with_settings(dev, Image=digest), target).parameters == {
        "Image": digest
    }


@pytest.mark.parametrize("exists", [False, True])
def test_without_an_image_the_service_starts_at_0_tasks(target, dev, exists):
    if exists:
        repository(target)
    image = images.resolve(dev, target)
    assert not image.digest
    assert image.parameters == {"DesiredCount": "0"}
    applied = dev.with_parameters(image.parameters)
    assert applied.given["DesiredCount"] == applied.settings["DesiredCount"] == "0"
    assert applied.settings["Image"] == "latest"


def test_an_image_that_aws_does_not_find_is_to_be_pushed(target, dev):
    """Of which the local AWS says nothing, where AWS refuses."""
    with Stubber(target.client("ecr")) as ecr:
        ecr.add_client_error("describe_images", "ImageNotFoundException")
        assert "docker push" in images.resolve(dev, target).advice


def test_the_next_deploy_raises_it_to_the_settings_count(target, dev):
    repository(target)
    assert images.resolve(dev, target).parameters["DesiredCount"] == "0"
    push(target, "first")
    assert "DesiredCount" not in images.resolve(dev, target).parameters


def test_the_advice_is_the_exact_commands(target, dev):
    registry = URI.partition("/")[0]
    login = f"docker login --username AWS --password-stdin {registry}"
    assert images.how_to_push(dev, target).split("\n") == [
        f"  aws ecr get-login-password --region us-east-1 | {login}",
        f"  docker build --platform linux/amd64 --tag {URI}:latest .",
        f"  docker push {URI}:latest",
        "  make deploy ENV=dev",
    ]
    assert images.how_to_push(dev, target) in images.resolve(dev, target).advice


def test_the_address_is_the_one_ecr_gives(target, dev):
    made = target.client("ecr").create_repository(repositoryName=NAME)["repository"]
    assert images.repository_uri(dev, target) == made["repositoryUri"]


def test_a_digest_that_is_not_there_is_told_as_such(target, dev):
    advice = images.resolve(with_settings(dev, Image=NONE), target).advice
    assert advice.startswith(f"The repository {NAME} has no image with the digest {NONE}")
    assert f"docker push {URI}:latest" in advice
    assert "params/dev.yaml: Image" in advice


def test_a_service_that_runs_is_not_stopped_for_a_missing_image(target, dev):
    repository(target)
    run_tasks(target, 2)
    image = images.resolve(with_settings(dev, Image="lates"), target)
    assert image.parameters == {}
    assert "no image with the tag lates" in image.refusal
    assert "would stop what runs (2 tasks)" in image.refusal


@pytest.mark.parametrize(("count", "said"), [(2, "refusal"), (0, "advice")])
def test_a_repository_that_was_deleted_by_hand_is_made_again_before_the_push(
    target, dev, count, said
):
    run_tasks(target, count)
    told = getattr(images.resolve(dev, target), said)
    assert f"he repository {NAME} is gone, deleted by hand" in told
    commands = [line.split() for line in told.splitlines()[1:]]
    again = f"aws ecr create-repository --region us-east-1 --repository-name {NAME}"
    assert commands[0] == again.split()
    repository(target)
    assert "create-repository" not in getattr(images.resolve(dev, target), said)


def test_a_service_without_tasks_stays_so_until_there_is_an_image(target, dev):
    run_tasks(target, 0)
    image = images.resolve(dev, target)
    assert image.refusal == ""
    assert image.parameters == {"DesiredCount": "0"}


def test_the_local_aws_runs_tasks_without_an_image(target):
    local = load("local")
    image = images.resolve(local, target)
    assert image == images.Image()


def test_the_local_aws_deploys_an_image_that_is_there(target):
    repository(target, "liberty-social-backend-local")
    digest = push(target, "first", name="liberty-social-backend-local")
    assert images.resolve(load("local"), target).parameters == {"Image": digest}


def test_who_may_not_look_for_the_image_is_not_told_to_push_one(target, dev):
    repository(target)
    environment, advice = images.as_deployed(dev, target)
    assert (environment.settings["DesiredCount"], "docker push" in advice) == ("0", True)
    with Stubber(target.client("ecr")) as ecr:
        ecr.add_client_error("describe_images", "AccessDeniedException")
        assert images.as_deployed(dev, target) == (dev, "")
