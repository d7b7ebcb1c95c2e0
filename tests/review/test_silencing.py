"""Checks that are no longer asked, by each checker's own directive."""

import pytest
from versions import nothing, resource, told, version

from liberty_cfn.review.findings import Kind

BARE = {"It": resource("SNS::Topic")}
LINT = {"cfn-lint": {"config": {"ignore_checks": ["E3012"]}}}


def silent(metadata):
    return {"It": resource("SNS::Topic", Metadata=metadata)}


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        (LINT, "cfn-lint's E3012 doesn't count, without a reason"),
        ({"liberty-cfn": {"accept": {"LC1101": "theirs"}}}, "LC1101 doesn't count: theirs"),
        ({"guard": {"SuppressedRules": ["S3_X"]}}, "Guard's S3_X doesn't count"),
        ({"checkov": {"skip": [{"id": "CKV_1", "comment": "why"}]}}, "checkov's CKV_1 doesn't"),
        ({"cfn_nag": {"rules_to_suppress": [{"id": "W1"}]}}, "cfn_nag's W1 doesn't count"),
        (
            {"cdk_nag": {"rules_to_suppress": [{"id": "N1", "reason": "so"}]}},
            "N1 doesn't count",
        ),
    ],
)
def test_a_check_that_is_silenced_is_told_and_asking_it_again_is_not(metadata, said):
    (text,) = told(BARE, silent(metadata), Kind.SILENCED)
    assert text.startswith("templates/root.yaml: It: ")
    assert said in text
    assert nothing(silent(metadata), BARE)
    assert nothing(silent(metadata), silent(metadata))


def test_a_check_silenced_for_a_whole_template_is_told():
    before, after = {"Resources": BARE}, {"Resources": BARE, "Metadata": LINT}
    (text,) = told(version(root=before), version(root=after), Kind.SILENCED)
    assert text.startswith("templates/root.yaml: the whole template: cfn-lint's E3012")


def test_other_metadata_and_another_order_change_nothing_that_runs():
    two = {**BARE, "Other": resource("SNS::Topic")}
    assert nothing(BARE, silent({"liberty-cfn": {"accept": None}, "Note": "by hand"}))
    assert nothing(two, {**two, "Other": resource("SNS::Topic", DependsOn="It")})
