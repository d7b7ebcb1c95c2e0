"""The linters find nothing in what is committed, and something in what is broken."""

import shutil

import pytest

from liberty_cfn.environments import PARAMS
from liberty_cfn.linters import ACCEPTED
from liberty_cfn.linting import TEMPLATES, lint, lint_ours

# One text in one file put for another, and the rule that finds it.
BREAKS = [
    ("templates/database.yaml", "Engine: postgres", "Engine: postgress", "E3691"),
    ("templates/network.yaml", "EnableDnsSupport", "EnableDnsSuport", "E3002"),
    ("templates/cache.yaml", "AWS::ElastiCache::SubnetGroup", "AWS::No::Such", "F3006"),
    ("templates/root.yaml", "Security.Outputs.TasksGroupId", "Security.Outputs.No", "E1010"),
    ("templates/root.yaml", "        SubnetIds: ", "        Subnets: ", "E3043"),
    ("params/dev.yaml", "DatabaseMultiAz", "DatabaseMultiAZ", "params"),
    ("params/staging.yaml", "NameSuffix: -stage", "NameSuffix: -local", "params"),
]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What the linters say when everything is broken at once; a run takes seconds."""
    folder = tmp_path_factory.mktemp("broken")
    shutil.copytree(TEMPLATES, folder / "templates")
    shutil.copytree(PARAMS, folder / "params")
    for file, old, new, _ in BREAKS:
        text = (folder / file).read_text()
        assert old in text
        (folder / file).write_text(text.replace(old, new, 1))
    return lint([folder / "templates"], folder / "params")


def test_nothing_is_wrong_with_what_is_committed():
    assert lint_ours() == []


@pytest.mark.parametrize(("file", "old", "new", "rule"), BREAKS, ids=lambda value: value[:30])
def test_what_is_broken_is_found_with_its_place(found, file, old, new, rule):
    told = [
        finding for finding in found if finding.rule == rule and finding.file.endswith(file)
    ]
    assert told
    assert all(finding.message and finding.line for finding in told)


def test_what_is_accepted_has_its_reason():
    assert all(len(reason.split()) > 4 for reason in ACCEPTED.values())
