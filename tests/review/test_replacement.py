"""Whether changing a property makes a resource anew, held against what AWS documents."""

from __future__ import annotations

from pathlib import Path

import pytest

from liberty_cfn.model.loading import NESTED
from liberty_cfn.review import documented
from liberty_cfn.review.documented import Replacement
from liberty_cfn.review.replacement import verdict
from liberty_cfn.review.schemas import schema

TABLE = Path(__file__).with_name("documented_updates.txt")


def documented_updates():
    """Yield every documented update: type, property's path, and what it requires."""
    resource_type = ""
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if line.startswith("  "):
            requires, *paths = line.split()
            yield from ((resource_type, tuple(path.split(".")), requires) for path in paths)
        elif not line.startswith("#"):
            resource_type = line


UPDATES = list(documented_updates())


def judged(resource_type, path):
    return verdict(resource_type, path, "before", "after").replacement


def precision_and_recall(predict):
    replaced = {(kind, path) for kind, path, requires in UPDATES if requires == "R"}
    found = {
        (kind, path) for kind, path, _ in UPDATES if predict(kind, path) is Replacement.CERTAIN
    }
    right = len(replaced & found)
    return right / len(found), right / len(replaced)


def by_schema_alone(resource_type, path):
    known = schema(resource_type)
    certain = any(path[: len(pointer)] == pointer for pointer in known.create_only)
    return Replacement.CERTAIN if certain else Replacement.NONE


def test_the_table_is_of_every_type_in_the_templates_and_of_far_more_than_120_updates(
    templates,
):
    ours = {
        resource["Type"]
        for template in templates.values()
        for resource in template.body["Resources"].values()
    }
    assert ours - {NESTED} <= {kind for kind, _, _ in UPDATES}
    assert len(UPDATES) > 700
    assert sum(requires == "R" for _, _, requires in UPDATES) > 240


def test_with_the_reviewed_table_documented_replacements_are_found():
    precision, recall = precision_and_recall(judged)
    print(f"precision {precision:.1%}, recall {recall:.1%} of {len(UPDATES)} updates")
    assert precision >= 0.988
    assert recall >= 0.97


def test_the_schemas_alone_find_fewer():
    precision, recall = precision_and_recall(by_schema_alone)
    print(f"precision {precision:.1%}, recall {recall:.1%} by schemas alone")
    assert 0.90 <= recall < 0.97
    assert precision >= 0.988


@pytest.mark.parametrize(
    ("resource_type", "path"), [(k, p) for k, p, requires in UPDATES if requires == "C"]
)
def test_what_is_documented_as_depending_is_never_called_harmless(resource_type, path):
    assert judged(resource_type, path) in (Replacement.CONDITIONAL, Replacement.CERTAIN)


@pytest.mark.parametrize(
    ("resource_type", "path"),
    [
        ("AWS::RDS::DBInstance", ("Port",)),
        ("AWS::EC2::EIP", ("Domain",)),
        ("AWS::CertificateManager::Certificate", ("ValidationMethod",)),
        ("AWS::Route53::RecordSet", ("Name",)),
        ("AWS::S3::Bucket", ("ObjectLockEnabled",)),
        ("AWS::ECS::Service", ("LaunchType",)),
        ("AWS::ECS::Service", ("DeploymentController", "Type")),
        ("AWS::Events::Rule", ("EventBusName",)),
        ("AWS::ElastiCache::ReplicationGroup", ("Engine",)),
        ("AWS::ElastiCache::ReplicationGroup", ("ReplicasPerNodeGroup",)),
        ("AWS::KMS::Key", ("KeySpec",)),
    ],
)
def test_replacements_that_the_schemas_are_silent_about_have_their_source(resource_type, path):
    told = verdict(resource_type, path, "before", "after")
    assert told.replacement is Replacement.CERTAIN
    assert told.source.startswith(documented.REFERENCE)


def test_every_entry_of_the_reviewed_table_names_its_source_and_a_property_there_is():
    for (resource_type, *path), entry in documented.REPLACEMENTS.items():
        assert entry.source.startswith("https://")
        assert schema(resource_type).knows(tuple(path))
    for (resource_type, name), entry in documented.INTERRUPTIONS.items():
        assert entry.source.startswith("https://docs.aws.amazon.com/")
        assert schema(resource_type).knows((name,))


def test_a_key_s_kind_can_t_be_changed_as_aws_refuses_rather_than_lose_it():
    assert verdict("AWS::KMS::Key", ("KeySpec",), "SYMMETRIC_DEFAULT", "RSA_2048").refused


def test_from_redis_to_valkey_is_documented_as_in_place_too():
    path = ("Engine",)
    there = verdict("AWS::ElastiCache::ReplicationGroup", path, "redis", "valkey")
    back = verdict("AWS::ElastiCache::ReplicationGroup", path, "valkey", "redis")
    assert (there.replacement, there.only_interrupted) == (Replacement.CONDITIONAL, True)
    assert (back.replacement, back.only_interrupted) == (Replacement.CERTAIN, False)


def test_places_in_lists_are_left_out_of_the_schema_s_paths():
    path = ("ContainerDefinitions", "[web]", "Image")
    assert judged("AWS::ECS::TaskDefinition", path) is Replacement.CERTAIN


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"PrivateDnsPreference": "ALL_DOMAINS"}, Replacement.CERTAIN),
        ({"DnsRecordIpType": "ipv4"}, Replacement.NONE),
    ],
)
def test_a_property_added_whole_replaces_by_what_is_in_it(options, expected):
    told = verdict("AWS::EC2::VPCEndpoint", ("DnsOptions",), None, options)
    assert told.replacement is expected


@pytest.mark.parametrize(
    ("resource_type", "name"),
    [
        ("Custom::Thing", "Anything"),
        ("AWS::CloudFormation::CustomResource", "Anything"),
        ("Acme::Service::Thing", "Anything"),
        ("AWS::EC2::VPC", "NoSuchProperty"),
    ],
)
def test_what_isn_t_understood_is_unknown_never_guessed(resource_type, name):
    told = verdict(resource_type, (name,), 1, 2)
    assert told.replacement is Replacement.UNKNOWN
    assert told.why


@pytest.mark.parametrize(
    ("before", "after", "stops"), [(30, 7, False), (7, 0, True), (0, 7, True)]
)
def test_backups_that_begin_or_end_interrupt_the_database(before, after, stops):
    told = verdict("AWS::RDS::DBInstance", ("BackupRetentionPeriod",), before, after)
    assert (told.interruption is not None) is stops
    assert told.only_interrupted
