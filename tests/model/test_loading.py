import pytest
from model_sets import nested

from liberty_cfn.model.loading import LoadError, read, sets

ROOT = """
Resources:
  Network:
    Type: AWS::CloudFormation::Stack
    Properties: {TemplateURL: network.yaml}
  Elsewhere:
    Type: AWS::CloudFormation::Stack
    Properties: {TemplateURL: https://s3.amazonaws.com/bucket/key}
"""
CHILD = "Resources: {Vpc: {Type: 'AWS::EC2::VPC'}}"


def test_a_set_holds_what_hangs_on_its_root():
    design = nested(root=ROOT, network=CHILD, stranger=CHILD)
    assert list(design.templates) == ["root.yaml", "network.yaml"]


def test_a_root_is_what_nobody_nests():
    found = sets({"a/root.yaml": ROOT, "a/network.yaml": CHILD, "b/other.json": "{}"})
    assert [(one.root, list(one.templates)) for one in found] == [
        ("a/root.yaml", ["a/root.yaml", "a/network.yaml"]),
        ("b/other.json", ["b/other.json"]),
    ]


def test_stacks_that_only_nest_each_other_are_found_too():
    ring = "Resources: {S: {Type: 'AWS::CloudFormation::Stack', Properties: {TemplateURL: %s}}}"
    found = sets({"a.yaml": ring % "b.yaml", "b.yaml": ring % "./x/../a.yaml"})[0]
    assert sorted(found.templates) == ["a.yaml", "b.yaml"]


def test_a_folder_is_read_without_what_is_no_template(tmp_path):
    (tmp_path / "root.yaml").write_text(CHILD)
    (tmp_path / "stack-policy.json").write_text('{"Statement": []}')
    (tmp_path / "notes.md").write_text("Resources")
    assert [name.rpartition("/")[2] for name in read([tmp_path])] == ["root.yaml"]


@pytest.mark.parametrize("name", ["missing", "empty"])
def test_a_path_without_templates_is_refused_by_name(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(LoadError, match=name):
        read([tmp_path / name])
