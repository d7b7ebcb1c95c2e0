"""The linters find nothing in what is committed, and something in what is broken."""

import shutil

import pytest

from liberty_cfn.environments import PARAMS
from liberty_cfn.linting import ACCEPTED, TEMPLATES, lint


@pytest.fixture
def copy(tmp_path):
    """Copy templates/ and params/, with one text in one file put for another."""

    def make(file, old, new):
        shutil.copytree(TEMPLATES, tmp_path / "templates")
        shutil.copytree(PARAMS, tmp_path / "params")
        changed = tmp_path / file
        assert old in changed.read_text()
        changed.write_text(changed.read_text().replace(old, new, 1))
        return lint(tmp_path / "templates", tmp_path / "params")

    return make


def test_nothing_is_wrong_with_what_is_committed():
    assert lint() == []


@pytest.mark.parametrize(
    ("file", "old", "new", "rule"),
    [
        ("templates/database.yaml", "Engine: postgres", "Engine: postgress", "E3691"),
        ("templates/network.yaml", "EnableDnsSupport", "EnableDnsSuport", "E3002"),
        ("templates/root.yaml", "Outputs.VpcId", "Outputs.VpcIdd", "E1010"),
        (
            "templates/root.yaml",
            "        VpcId: !GetAtt Network",
            "        Vpc: !GetAtt Network",
            "E3043",
        ),
        ("params/dev.yaml", "DatabaseMultiAz", "DatabaseMultiAZ", "params"),
        ("params/dev.yaml", "-dev", "-local", "params"),
    ],
)
def test_what_is_broken_is_found_with_its_place(copy, file, old, new, rule):
    found = copy(file, old, new)
    assert rule in {finding.rule for finding in found}
    assert all(finding.message and finding.line for finding in found)
    assert {finding.file.rsplit("/", 1)[-1] for finding in found} <= {
        file.rsplit("/", 1)[-1],
        "root.yaml",
        "local.yaml",
    }


def test_cloudformation_validate_is_asked_too(copy):
    found = copy(
        "templates/cache.yaml", "Type: AWS::ElastiCache::SubnetGroup", "Type: AWS::No::Such"
    )
    assert {"F3006", "E3006"} & {finding.rule for finding in found}


def test_what_is_accepted_has_its_reason():
    assert all(len(reason.split()) > 4 for reason in ACCEPTED.values())
