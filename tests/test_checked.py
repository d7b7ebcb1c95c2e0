"""What was found good is not looked at again until anything about it changes."""

import errno
import os
import shutil
from pathlib import Path

import pytest

from liberty_cfn import checked
from liberty_cfn.repository import REPOSITORY

POLICIES = "liberty_cfn/rules/aws-managed-policies.txt"


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A copy of what is looked at, which was found good."""
    for folder in ("templates", "params"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder)
    (tmp_path / "liberty_cfn" / "rules").mkdir(parents=True)
    (tmp_path / "docs").mkdir()
    for file in (".cfnlintrc.yaml", "docs/settings.md", "liberty_cfn/root.py", POLICIES):
        shutil.copy(REPOSITORY / file, tmp_path / file)
    monkeypatch.setattr(checked, "REPOSITORY", tmp_path)
    monkeypatch.setattr(checked, "CHECKED", tmp_path / ".local" / "checked")
    assert not checked.is_known(checked.sources())
    checked.remember(checked.sources())
    return tmp_path


def test_what_was_found_good_is_known(repository):
    assert checked.is_known(checked.sources())


def test_on_a_disk_that_is_full_all_is_looked_at_again(tmp_path, monkeypatch):
    def full(file, *_, **__):
        file.touch()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(file))

    good = tmp_path / "checked"
    monkeypatch.setattr(Path, "write_bytes", full)
    checked.remember(checked.sources(), good)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "file",
    [
        "templates/network.yaml",
        "templates/stack-policy.json",
        "templates/bootstrap/deploy-role.yaml",
        "templates/new.yaml",
        "params/dev.yaml",
        "docs/settings.md",
        ".cfnlintrc.yaml",
        "liberty_cfn/root.py",
        POLICIES,
    ],
)
def test_whatever_changes_is_looked_at_again(repository, file):
    with (repository / file).open("a") as changed:
        changed.write(" ")
    assert not checked.is_known(checked.sources())


@pytest.fixture
def upgraded(tmp_path_factory, monkeypatch):
    """Have another version of a tool installed."""

    def upgrade():
        packages = tmp_path_factory.mktemp("site-packages")
        (packages / "cfn_lint-99.0.dist-info").mkdir()
        monkeypatch.setattr(checked.site, "getsitepackages", lambda: [str(packages)])

    return upgrade


def test_what_changes_while_it_is_looked_at_is_looked_at_again(repository):
    before = checked.sources()
    (repository / "liberty_cfn/root.py").write_text("changed")
    checked.remember(before)
    assert not checked.is_known(checked.sources())


def test_other_versions_of_the_tools_look_again(repository, upgraded):
    upgraded()
    assert not checked.is_known(checked.sources())
    checked.remember(checked.sources())
    assert checked.is_known(checked.sources())


TEXTS = {"root.yaml": "TemplateURL: network.yaml", "network.yaml": "Vpc", "logs.yaml": "Logs"}


@pytest.mark.parametrize(
    ("texts", "regions", "settings", "other"),
    [
        ({**TEXTS, "logs.yaml": "Log"}, ["us-east-1"], "", {"root.yaml", "logs.yaml"}),
        ({**TEXTS, "root.yaml": "TemplateURL: logs.yaml"}, ["us-east-1"], "", {"root.yaml"}),
        (TEXTS, ["us-east-1"], "", set()),
        (TEXTS, ["eu-west-1"], "", set(TEXTS)),
        (TEXTS, ["us-east-1"], "ignore_checks: [W3002]", set(TEXTS)),
    ],
)
def test_a_template_is_linted_again_when_it_or_what_it_nests_or_how_changes(
    texts, regions, settings, other
):
    before = checked.linting_digests(TEXTS, ["us-east-1"], "")
    after = checked.linting_digests(texts, regions, settings)
    assert {file for file in before if before[file] != after[file]} == other


def test_another_cfn_lint_lints_again(upgraded):
    before = checked.linting_digests(TEXTS, ["us-east-1"], "")
    upgraded()
    after = checked.linting_digests(TEXTS, ["us-east-1"], "")
    assert not set(before.values()) & set(after.values())


def test_what_was_clean_is_remembered_the_last_longest(tmp_path, monkeypatch):
    monkeypatch.setattr(checked, "LINTED", tmp_path / "new" / "linted")
    monkeypatch.setattr(checked, "MOST", 3)
    assert checked.found_clean() == []
    checked.remember_clean(["a", "b"])
    checked.remember_clean(["b", "c", "d"])
    assert checked.found_clean() == ["b", "c", "d"]
