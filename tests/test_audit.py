"""The audit, but for the checkers themselves, which `make audit` runs."""

import json
import tarfile

import pytest
from click.testing import CliRunner

from liberty_cfn.audit import inputs, tools
from liberty_cfn.audit.accepted import ACCEPTED
from liberty_cfn.audit.document import document
from liberty_cfn.audit.judging import misfits
from liberty_cfn.audit.tools import AuditError, Control, Result
from liberty_cfn.cli import cli
from liberty_cfn.model.resolving import Resolved
from liberty_cfn.repository import REPOSITORY

CONTROL = Control("CT.RDS.PR.1", "Require zones", ("RDS_MULTI_AZ_SUPPORT",))


def _accepted_findings():
    """Return a finding for everything that is accepted, and for nothing else."""
    return [
        Result(Control(control, control), environment, resource, met=False)
        for acceptance in ACCEPTED
        for control in acceptance.controls
        for resource in acceptance.resources
        for environment in acceptance.only or ("prod",)
    ]


def test_what_is_accepted_and_nothing_else_passes():
    assert list(misfits(_accepted_findings())) == []


def test_a_finding_that_is_not_accepted_fails_and_says_where_to_accept_it():
    new = Result(Control("CKV_AWS_999", "Ensure it"), "prod", "StorageUploads", met=False)
    (said,) = misfits([*_accepted_findings(), new])
    assert said.startswith("CKV_AWS_999 StorageUploads (prod): Ensure it. ")
    assert "liberty_cfn/audit/accepted.py" in said


def test_an_acceptance_in_one_environment_holds_for_no_other():
    elsewhere = Result(CONTROL, "prod", "DatabaseDatabase", met=False)
    assert any("(prod)" in said for said in misfits([*_accepted_findings(), elsewhere]))


@pytest.mark.parametrize("number", range(len(ACCEPTED)))
def test_an_acceptance_of_what_is_no_longer_found_fails(number):
    given = [r for r in _accepted_findings() if not ACCEPTED[number].covers(r)]
    assert all(control in " ".join(misfits(given)) for control in ACCEPTED[number].controls)


def test_every_acceptance_has_a_reason_that_the_document_tells():
    text = (REPOSITORY / "docs" / "well-architected.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if "*accepted*: " in line]
    assert len(rows) == len({control for a in ACCEPTED for control in a.controls})
    for acceptance in ACCEPTED:
        assert acceptance.reason in text
        assert all(f"| `{control}` |" in text for control in acceptance.controls)
    assert "**not accepted**" not in text


def test_a_control_is_met_where_nothing_fails_it():
    failed = Result(CONTROL, "dev", "DatabaseDatabase", met=False)
    met = Result(Control("CKV_1", "Ensure"), "dev", "Any", met=True)
    text = document([failed, met], ["dev", "prod"])
    assert (
        "| `CT.RDS.PR.1` | Require zones | RDS_MULTI_AZ_SUPPORT | DatabaseDatabase in dev"
        in text
    )
    assert "## Met\n\n1 controls" in text
    assert "| `CKV_1` | Ensure |" in text


def test_where_a_control_is_met_is_said_unless_it_is_met_nowhere():
    control = Control("CT.RDS.PR.2", "Monitor")
    nowhere = [Result(control, e, "DatabaseDatabase", met=False) for e in ("dev", "prod")]
    assert "| DatabaseDatabase | *accepted*" in document(nowhere, ["dev", "prod"])
    assert "DatabaseDatabase in dev; *met* elsewhere" in document(nowhere[:1], ["dev", "prod"])


def test_a_stack_set_s_places_are_one_environment(tmp_path):
    check = {"check_id": "CKV_1", "check_name": "Ensure", "resource": "AWS::S3::Bucket.Logs"}
    failed = [{**check, "file_path": "/global@111111111111@eu-west-1.json"}]
    (tmp_path / "said.json").write_text(json.dumps({"results": {"failed_checks": failed}}))
    (found,) = tools.checkov(_installed(tmp_path, f"cat {tmp_path}/said.json"), tmp_path)
    assert found.environment == "global"
    design = Resolved({}, {}, {})
    inputs.write({"global/111111111111/eu-west-1": design, "prod": design}, tmp_path)
    assert (tmp_path / "global@111111111111@eu-west-1.json").exists()
    assert (tmp_path / "prod.json").exists()


def test_checkers_get_flags_and_numbers_not_the_texts_that_parameters_are():
    given = {"MultiAZ": "true", "BackupRetentionPeriod": "30", "EngineVersion": "15"}
    assert inputs.typed("AWS::RDS::DBInstance", given) == {
        "MultiAZ": True,
        "BackupRetentionPeriod": 30,
        "EngineVersion": "15",
    }
    assert inputs.typed("Custom::Unknown", given) == given


def _installed(folder, script):
    """Make what `make audit` installs: programs that say what they are given to say."""
    program = folder / "checkov"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return program


def test_what_checkov_says_is_read(tmp_path):
    check = {"check_id": "CKV_1", "check_name": "Ensure", "file_path": "/dev.json"}
    said = {
        "results": {
            "passed_checks": [{**check, "resource": "AWS::S3::Bucket.Uploads"}],
            "failed_checks": [{**check, "resource": "AWS::S3::Bucket.Logs"}],
        }
    }
    (tmp_path / "said.json").write_text(json.dumps(said))
    program = _installed(tmp_path, f"cat {tmp_path}/said.json")
    control = Control("CKV_1", "Ensure")
    assert list(tools.checkov(program, tmp_path)) == [
        Result(control, "dev", "Uploads", met=True),
        Result(control, "dev", "Logs", met=False),
    ]


def test_what_guard_says_is_read_with_what_else_a_control_is_known_as(tmp_path, monkeypatch):
    monkeypatch.setattr(tools, "system", lambda: "Linux")
    monkeypatch.setattr(tools, "machine", lambda: "x86_64")
    rules = tmp_path / "rules" / "control-tower"
    for kind in ("cfn-guard", "metadata"):
        (rules / kind / "rds").mkdir(parents=True)
    about = {
        "Id": "CT.RDS.PR.1",
        "DisplayName": "Require zones",
        "ConfigRuleIdentifier": "RDS_MULTI_AZ_SUPPORT",
        "Relationships": [{"ControlId": "SH.RDS.5"}],
    }
    (rules / "metadata" / "rds" / "one.metadata.json").write_text(json.dumps(about))
    (rules / "cfn-guard" / "rds" / "one.guard").write_text("rule zones_check when x {}")
    other = "rule other_check when x {\n<<\n[CT.KMS.PR.3]: Require a limit\n>>}"
    (rules / "cfn-guard" / "rds" / "two.guard").write_text(other)
    failed = {"Rule": {"name": "zones_check", "checks": [{"path": "/Resources/Db/Properties"}]}}
    said = [{"name": "/in/dev.json", "compliant": ["other_check"], "not_compliant": [failed]}]
    (tmp_path / "said.json").write_text(json.dumps(said))
    folder = tmp_path / "bin" / "ubuntu" / "x86_64"
    folder.mkdir(parents=True)
    _installed(folder, f"cat {tmp_path}/said.json; exit 19").rename(folder / "cfn-guard")
    also = ("RDS_MULTI_AZ_SUPPORT", "Security Hub RDS.5")
    assert list(tools.guard(tmp_path, tmp_path)) == [
        Result(Control("CT.KMS.PR.3", "Require a limit"), "dev", "", met=True),
        Result(Control("CT.RDS.PR.1", "Require zones", also), "dev", "Db", met=False),
    ]


@pytest.mark.parametrize("script", ["echo broken >&2; exit 2", "exit 0"])
def test_a_checker_that_fails_is_said_never_taken_for_content(tmp_path, script):
    with pytest.raises(AuditError, match="checkov failed"):
        list(tools.checkov(_installed(tmp_path, script), tmp_path))


def test_guard_is_taken_out_of_its_package_once_by_debians_python_too(tmp_path, monkeypatch):
    # Python 3.11.4 brought filters; Debian's 3.11.2 has none.
    extract = tarfile.TarFile.extractall

    def unfiltered(self, path):
        extract(self, path)

    monkeypatch.setattr(tarfile.TarFile, "extractall", unfiltered)
    monkeypatch.delattr(tarfile, "data_filter", raising=False)
    place = tmp_path / "lib/python3.11/site-packages/cdklabs/cdk_validator_cfnguard/_jsii"
    place.mkdir(parents=True)
    with pytest.raises(AuditError, match="make audit"):
        tools.unpacked(tmp_path)
    (tmp_path / "rules.txt").write_text("rules")
    with tarfile.open(place / "package.tgz", "w:gz") as archive:
        archive.add(tmp_path / "rules.txt", "package/rules.txt")
    assert (tools.unpacked(tmp_path) / "rules.txt").read_text() == "rules"
    assert tools.unpacked(tmp_path) == tmp_path / "guard" / "package"


def test_without_the_checkers_it_says_what_to_run(tmp_path, monkeypatch):
    monkeypatch.setattr("liberty_cfn.repository.REPOSITORY", tmp_path)
    monkeypatch.setattr("liberty_cfn.proofs.proving.designs", lambda _templates: {})
    found = CliRunner().invoke(cli, ["audit"])
    assert (found.exit_code, found.stderr) == (
        1,
        "Guard isn't in .venv-audit; run `make audit`.\n",
    )
