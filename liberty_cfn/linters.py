"""cfn-lint and AWS's cloudformation-validate, asked about templates.

Both are slow to load, and are so only when asked.
"""

from __future__ import annotations

import atexit
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import chdir
from functools import cache
from os.path import commonpath
from pathlib import Path
from typing import Any

from liberty_cfn.findings import Finding
from liberty_cfn.model.parsing import Template
from liberty_cfn.model.subs import FROM_SSM
from liberty_cfn.repository import REPOSITORY
from liberty_cfn.rules.checking import Case, Report, python_line
from liberty_cfn.rules.rule import Problem, look
from liberty_cfn.sparing import spare

CFN_LINT_SETTINGS = REPOSITORY / ".cfnlintrc.yaml"

# What cloudformation-validate is not asked about, and why. cfn-lint's are in .cfnlintrc.yaml.
ACCEPTED = {
    "W1001": "reports references that stand inside the If of the very condition it misses",
    "W1011": "a parameter with a secret's ARN; the value is read by a dynamic reference",
    "W1028": "in one template, a stack's own condition may be decided by the root's already",
    "W1030": "a parameter may be empty where a condition beside it then doesn't use it",
    "W2501": "a parameter with a secret's ARN; the value is read by a dynamic reference",
    "W2509": "a parameter with a secret's ARN is no secret",
    "W3002": "TemplateURL is a path on purpose; deploying puts the uploaded file's URL there",
    "W9053": "in one template, several stacks have conditions that mean the same",
    "W9003": "CloudFormation has no boolean parameters; it turns 'true' and 'false' into them",
}

# And of what comes of a template, where a parameter's value stands in its place, and one
# fetched from SSM is a Sub.
ACCEPTED_MADE = {
    "W9002": "an ARN from the settings, a role's that is there already, say",
    "W1020": "such a Sub has no variables",
    "F1012": "mappings are looked up before; LC1013 tells what isn't in one",
    "F1020": "LC1001 tells what refers to nothing, in the names that people gave it",
}

# What linters only warn of, and AWS refuses.
REFUSED = ("W3030", "W3687")  # a value that isn't one of the few; ports that don't fit

Lint = Callable[[Sequence[Template]], list[Finding]]


def cfn_lint(files: Sequence[str], regions: Sequence[str]) -> Lint:
    """Load cfn-lint; return what has it lint some of `files`, in all of `regions`."""
    from cfnlint.config import ConfigMixIn  # noqa: PLC0415
    from cfnlint.runner.template.runner import run_template_by_file_path  # noqa: PLC0415

    where = [Path(file).absolute() for file in files]
    settings = ["--regions", *regions, "--config-file", str(CFN_LINT_SETTINGS)]
    config = ConfigMixIn([*map(str, where), *settings])
    rules = _rules(tuple(config.append_rules))

    def lint(templates: Sequence[Template]) -> list[Finding]:
        full = {str(Path(template.file).absolute()): template for template in templates}
        # It follows a TemplateURL only to files below the folder it works in.
        with chdir(commonpath([file.parent for file in where])):
            return [
                Finding(
                    template.file,
                    match.linenumber,
                    match.rule.id,
                    "error" if match.rule.id in REFUSED else match.rule.severity.lower(),
                    match.message,
                    resource := _resource(tuple(getattr(match, "path", None) or ())),
                    python_line(template.file, resource),
                )
                for file, template in full.items()
                for match in run_template_by_file_path(file, config, rules, False)  # noqa: FBT003
            ]

    return lint


def cloudformation_validate(
    templates: Iterable[Template], texts: Mapping[str, str], cases: Iterable[Case]
) -> tuple[list[Finding], list[Report]]:
    """Return what cloudformation-validate says of templates, and of what comes of them.

    It goes no further than a reference; with the values in place, it does.
    """
    import cloudformation_validate as validate  # noqa: PLC0415

    config = validate.ValidateConfig(severity_level=validate.rules.Severity.WARN)

    def diagnostics(text: str, name: str) -> Iterator[Any]:
        content = validate.TemplateContent(text, name)
        found = engine().validate_template(content, config).diagnostics
        return (one for one in found if one.rule_id not in ACCEPTED)

    findings = [
        Finding(
            template.file,
            one.start_line or 1,
            one.rule_id,
            _level(one),
            one.message,
            resource := _resource(_path(one)),
            python_line(template.file, resource),
        )
        for template in templates
        for one in diagnostics(texts[template.file], template.file)
        if not one.message.startswith(_names_in_ssm(template))
    ]
    reports = [
        Report(
            one.rule_id,
            _level(one),
            Problem(one.entity.logical_id, _path(one)[2:], one.message),
            case,
        )
        for case in cases
        for one in diagnostics(made(case), "made.json")
        if one.rule_id not in ACCEPTED_MADE
        if one.entity and one.entity.logical_id in case.design.resolved.resources
    ]
    return findings, reports


@cache
def _rules(folders: tuple[str, ...]) -> Any:
    """Return cfn-lint's rules; loading them takes longer than linting most templates."""
    from cfnlint.rules import Rules  # noqa: PLC0415

    rules = Rules()
    for folder in folders:
        rules.update(Rules.create_from_directory(folder))
    spare(rules)
    return rules


@cache
def engine() -> Any:
    """Return what has cloudformation-validate's rules; loading them takes longest."""
    import cloudformation_validate as validate  # noqa: PLC0415

    # It must be gone before the module is by which it goes.
    atexit.register(engine.cache_clear)
    return validate.CompositeEngine()


def _names_in_ssm(template: Template) -> tuple[str, ...]:
    """Return how messages begin that take an SSM parameter's name for its value."""
    return tuple(
        f"{look(body, 'Default')!r} "
        for body in template.section("Parameters").values()
        if str(look(body, "Type")).startswith(FROM_SSM) and look(body, "Default") is not None
    )


def made(case: Case) -> str:
    """Return what comes of a case, as one template."""
    design = case.design
    declared = design.flat.template.get("Parameters", {})
    made = {
        # Those that are left have no value, nor any default.
        "Parameters": {name: {"Type": look(declared, name, "Type")} for name in declared},
        "Conditions": design.flat.template.get("Conditions", {}),
        "Resources": {title: r.body for title, r in design.resolved.resources.items()},
    }
    return json.dumps({section: body for section, body in made.items() if body})


def _resource(path: Sequence[Any]) -> str:
    return str(path[1]) if path[:1] == ("Resources",) and len(path) > 1 else ""


def _path(diagnostic: Any) -> tuple[str | int, ...]:
    """Return where in a template something is, from its top."""
    entity = diagnostic.entity
    if not entity or entity.entity_type.name != "RESOURCE":
        return ()
    steps = (diagnostic.property_path or "").split(".")
    below = [int(step) if step.isdecimal() else step for step in steps if step]
    return ("Resources", entity.logical_id, *below)


def _level(diagnostic: Any) -> str:
    refused = diagnostic.severity.name != "WARN" or diagnostic.rule_id in REFUSED
    return "error" if refused else "warning"
