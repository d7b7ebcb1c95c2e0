"""checkov and AWS's Guard rules, run; what they say of each control.

Guard's rules are those of AWS Control Tower, which AWS publishes with the engine as a
package; each says which rule of AWS Config and which control of Security Hub it is. The
rules of the AWS Guard Rules Registry, which are named after Config's, come in no package.
"""

from __future__ import annotations

import json
import re
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from platform import machine, system
from typing import Any

from liberty_cfn.audit.inputs import AT

PLATFORMS = {
    ("Linux", "x86_64"): "ubuntu/x86_64",
    ("Linux", "aarch64"): "ubuntu/aarch64",
    ("Darwin", "x86_64"): "macos/x86_64",
    ("Darwin", "arm64"): "macos/aarch64",
}
# A rule's name, and what it says when it isn't kept: [CT.KMS.PR.3]: Require ...
NAMES = re.compile(r"^rule\s+(\w+)", re.MULTILINE)
IN_CODE = re.compile(r"\[(CT\.[\w.]+)\]:\s*(.+)")
# cfn-guard's way to say that some rules were not kept.
NOT_KEPT = 19


class AuditError(Exception):
    """A checker can't be run. The message says which, and what it said."""


@dataclass(frozen=True, order=True)
class Control:
    """What a checker asks for: its id and words, and what else it is known as."""

    id: str
    title: str
    also: tuple[str, ...] = ()


@dataclass(frozen=True, order=True)
class Result:
    """Whether a resource of an environment meets a control; no resource, if all of them do."""

    control: Control
    environment: str
    resource: str
    met: bool


def checkov(program: Path, folder: Path) -> Iterator[Result]:
    """Yield what checkov says of the templates in a folder."""
    given = ["--framework", "cloudformation", "--output", "json", "--soft-fail"]
    said = _run([program, "--directory", folder, *given, "--compact", "--skip-download"])
    reports = json.loads(said)
    for report in reports if isinstance(reports, list) else [reports]:
        for outcome in ("passed_checks", "failed_checks"):
            for check in report.get("results", {}).get(outcome, ()):
                yield Result(
                    Control(check["check_id"], check["check_name"]),
                    _environment(check["file_path"]),
                    check["resource"].rpartition(".")[2],
                    met=outcome == "passed_checks",
                )


def guard(package: Path, folder: Path) -> Iterator[Result]:
    """Yield what AWS's Guard rules say of the templates in a folder."""
    program = package / "bin" / PLATFORMS.get((system(), machine()), "") / "cfn-guard"
    if not program.is_file():
        raise AuditError(f"Guard has no program for {system()} on {machine()}.")
    rules = package / "rules" / "control-tower"
    controls = _controls(rules)
    given = ["--structured", "--output-format", "json", "--show-summary", "none"]
    said = _run([program, "validate", "--rules", rules / "cfn-guard", "--data", folder, *given])
    for report in json.loads(said):
        environment = _environment(report["name"])
        for name in report["compliant"]:
            yield Result(controls.get(name, Control(name, name)), environment, "", met=True)
        for failed in report["not_compliant"]:
            name = failed["Rule"]["name"]
            for resource in sorted(set(_resources(failed))) or [""]:
                control = controls.get(name, Control(name, name))
                yield Result(control, environment, resource, met=False)


def _environment(file: str) -> str:
    return Path(file).stem.partition(AT)[0]


def unpacked(environment: Path) -> Path:
    """Return the folder with Guard and its rules, taken out of the package if need be.

    Raises:
        AuditError: it isn't installed there.
    """
    folder = environment / "guard"
    if not folder.exists():
        form = "lib/python*/site-packages/cdklabs/cdk_validator_cfnguard/_jsii/*.tgz"
        found = list(environment.glob(form))
        if not found:
            raise AuditError(f"Guard isn't in {environment.name}; run `make audit`.")
        with tarfile.open(found[0]) as archive:
            # Debian's Python 3.11.2 has no filters.
            usual = getattr(tarfile, "data_filter", lambda member, _: member)
            archive.extraction_filter = usual
            archive.extractall(folder)  # noqa: S202 - it was pinned, by its hash
    return folder / "package"


def _controls(rules: Path) -> dict[str, Control]:
    """Return the control that each rule checks, by the rule's name."""
    found: dict[str, Control] = {}
    for file in sorted((rules / "cfn-guard").rglob("*.guard")):
        code = file.read_text(encoding="utf-8")
        about = rules / "metadata" / file.parent.name / f"{file.stem}.metadata.json"
        said = json.loads(about.read_text(encoding="utf-8")) if about.exists() else {}
        related = (str(r.get("ControlId", "")) for r in said.get("Relationships") or ())
        also = [said.get("ConfigRuleIdentifier") or ""]
        also += [r.replace("SH.", "Security Hub ") for r in related if r.startswith("SH.")]
        words = IN_CODE.search(code)
        control = Control(
            said.get("Id") or (words[1] if words else file.stem),
            said.get("DisplayName") or (words[2].strip() if words else file.stem),
            tuple(filter(None, also)),
        )
        found |= dict.fromkeys(NAMES.findall(code), control)
    return found


def _resources(said: Any) -> Iterator[str]:
    """Yield the resources that a report is about: those whose properties it names."""
    if isinstance(said, Mapping):
        for key, value in said.items():
            if key == "path" and isinstance(value, str) and value.startswith("/Resources/"):
                yield value.split("/")[2]
            else:
                yield from _resources(value)
    elif isinstance(said, list):
        for item in said:
            yield from _resources(item)


def _run(command: list[Path | str]) -> str:
    name = Path(command[0]).name
    try:
        done = subprocess.run(  # noqa: S603 - programs of the audit's own environment
            [str(word) for word in command], capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise AuditError(f"{name} can't be run: {error}. `make audit` installs it.") from error
    if done.returncode not in (0, NOT_KEPT) or not done.stdout.strip():
        raise AuditError(f"{name} failed ({done.returncode}): {done.stderr.strip()[-500:]}")
    return done.stdout
