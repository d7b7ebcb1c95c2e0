"""What is wrong with the templates and params/, as far as linters can tell.

Both linters take about as long as each other to start as to work, so they work side by
side, in forked processes.
"""

from __future__ import annotations

import gc
import hashlib
import multiprocessing
from collections.abc import Callable, Sequence
from contextlib import chdir
from importlib.metadata import version
from pathlib import Path
from typing import Any

from liberty_cfn.environments import PARAMS, MisfitsError, collisions, load, names
from liberty_cfn.findings import Finding

REPOSITORY = Path(__file__).parent.parent
TEMPLATES = REPOSITORY / "templates"
CFN_LINT_SETTINGS = REPOSITORY / ".cfnlintrc.yaml"
LINTED = REPOSITORY / ".local" / "linted"

# What cloudformation-validate is not asked about, and why. cfn-lint's are in .cfnlintrc.yaml.
ACCEPTED = {
    "W1001": "reports references that stand inside the If of the very condition it misses",
    "W1011": "a parameter with a secret's ARN; the value is read by a dynamic reference",
    "W2501": "a parameter with a secret's ARN; the value is read by a dynamic reference",
    "W2509": "a parameter with a secret's ARN is no secret",
    "W3002": "TemplateURL is a path on purpose; deploying puts the uploaded file's URL there",
    "W9003": "CloudFormation has no boolean parameters; it turns 'true' and 'false' into them",
}


def lint(folder: Path = TEMPLATES, params: Path = PARAMS) -> list[Finding]:
    """Return what is wrong with the templates of `folder` and the files of `params`.

    Asked are cfn-lint, AWS's cloudformation-validate, and the settings.
    """
    files = sorted(folder.absolute().rglob("*.yaml"))
    found, regions = _environments(params)
    # cfn-lint follows a TemplateURL only to files below the folder it works in.
    with chdir(folder.parent):
        return sorted({*found, *_linters(files, regions)})


def lint_if_changed() -> list[Finding]:
    """Do what `lint` does, unless it found nothing in the very same files before."""
    digest = _digest()
    if LINTED.exists() and LINTED.read_text() == digest:
        return []
    if not (found := lint()):
        LINTED.parent.mkdir(exist_ok=True)
        LINTED.write_text(digest)
    return found


def _digest() -> str:
    """Return a digest of everything that what `lint` finds depends on."""
    files = [*TEMPLATES.rglob("*.yaml"), *PARAMS.glob("*.yaml"), CFN_LINT_SETTINGS]
    files += (REPOSITORY / "liberty_cfn").glob("*.py")
    said = [version("cfn-lint"), version("cloudformation-validate")]
    said += [f"{file}\n{file.read_text(encoding='utf-8')}" for file in sorted(files)]
    return hashlib.sha256("\n".join(said).encode()).hexdigest()


def _linters(files: Sequence[Path], regions: Sequence[str]) -> list[Finding]:
    validated = _aside(_cloudformation_validate, files)
    # What the linters make lives until they are done; looking for what could go takes
    # a third of their time.
    gc.disable()

    other = _aside(_cfn_lint, files[1::2], regions)
    found = _cfn_lint(files[::2], regions)
    gc.enable()
    return [*found, *other(), *validated()]


def _environments(params: Path) -> tuple[list[Finding], list[str]]:
    """Return what is wrong with params/, and the regions its environments are in."""
    loaded, found = [], []
    for name in names(params):
        try:
            loaded.append(load(name, params))
        except MisfitsError as error:
            found.append(
                Finding(f"{params.name}/{name}.yaml", 1, "params", "error", str(error))
            )
    found += [
        Finding(f"{params.name}/{name}.yaml", 1, "params", "error", why)
        for name, why in collisions(loaded)
    ]
    regions = {part.region for environment in loaded for part in environment.parts}
    return found, sorted(regions) or ["us-east-1"]


def _cfn_lint(files: Sequence[Path], regions: Sequence[str]) -> list[Finding]:
    from cfnlint.config import ConfigMixIn  # noqa: PLC0415
    from cfnlint.runner import Runner  # noqa: PLC0415

    config = ConfigMixIn(
        [*map(str, files), "--regions", *regions, "--config-file", str(CFN_LINT_SETTINGS)]
    )
    return [
        Finding(
            _shown(Path(match.filename)),
            match.linenumber,
            match.rule.id,
            match.rule.severity,
            match.message,
        )
        for match in Runner(config).run()
    ]


def _cloudformation_validate(files: Sequence[Path]) -> list[Finding]:
    import cloudformation_validate as validate  # noqa: PLC0415

    engine = validate.CompositeEngine()
    config = validate.ValidateConfig(severity_level=validate.rules.Severity.WARN)
    return [
        Finding(
            _shown(file),
            diagnostic.start_line or 1,
            diagnostic.rule_id,
            "warning" if diagnostic.severity.name == "WARN" else "error",
            diagnostic.message,
        )
        for file in files
        for diagnostic in engine.validate_template(file, config).diagnostics
        if diagnostic.rule_id not in ACCEPTED
    ]


def _shown(file: Path) -> str:
    file = file.absolute()
    inside = file.is_relative_to(REPOSITORY)
    return file.relative_to(REPOSITORY).as_posix() if inside else str(file)


def _aside(work: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
    """Start `work` in another process; return a function that waits for what it returns."""
    fork = multiprocessing.get_context("fork")
    ours, theirs = fork.Pipe(duplex=False)

    def send() -> None:
        theirs.send(work(*arguments))

    process = fork.Process(target=send)
    process.start()
    theirs.close()

    def result() -> Any:
        try:
            return ours.recv()
        except EOFError as error:
            raise RuntimeError(f"{work.__name__} ended without a result") from error
        finally:
            process.join()

    return result
