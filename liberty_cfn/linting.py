"""What is wrong with templates and params/: what linters, house rules and settings say.

Linting takes seconds, most of them cfn-lint's, so it is shared among forked processes.
"""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from liberty_cfn.aside import aside
from liberty_cfn.checked import (
    asking_digest,
    found_clean,
    linting_digests,
    remember_clean,
)
from liberty_cfn.environments import Environment, MisfitsError, collisions, load, names
from liberty_cfn.findings import Finding
from liberty_cfn.linters import (
    ACCEPTED,
    ACCEPTED_MADE,
    CFN_LINT_SETTINGS,
    cfn_lint,
    cloudformation_validate,
    made,
)
from liberty_cfn.model.loading import TemplateSet, grouped, read
from liberty_cfn.model.parsing import ParseError, Template, parse
from liberty_cfn.repository import PARAMS, REPOSITORY, TEMPLATES
from liberty_cfn.rules.checking import (
    RULES,
    Case,
    all_reports,
    cases,
    reports_between,
    told,
    unreasoned,
)
from liberty_cfn.rules.document import rules_document
from liberty_cfn.rules.rule import Rule

RULES_DOCUMENT = REPOSITORY / "docs" / "rules.md"
# The rule that a file is a template, and the one that docs/rules.md is current.
UNPARSABLE, STALE = "LC0000", "LC0003"


def lint(paths: Sequence[Path] = (TEMPLATES,), params: Path | None = None) -> list[Finding]:
    """Return what is wrong with the templates among `paths`, and the files of `params`.

    Asked are cfn-lint, AWS's cloudformation-validate, the house rules, and the settings.
    Where a file is no template, only that is said.

    Raises:
        LoadError: a path isn't there, or has no template.
    """
    texts = read(paths)
    templates, unparsable = _parsed(texts)
    if unparsable:
        return [_shown(finding) for finding in unparsable]
    environments, misfits = _environments(params or PARAMS)
    parts = [part for environment in environments for part in environment.parts]
    found = {*_asked(templates, texts, parts), *(misfits if params else ())}
    return sorted(map(_shown, _once(found)))


def lint_ours() -> list[Finding]:
    """Return what is wrong with our own templates and params/."""
    return lint((TEMPLATES,), PARAMS)


def stale_rules() -> list[Finding]:
    """Return that docs/rules.md doesn't say what the rules do; nothing if it does."""
    file = RULES_DOCUMENT
    if file.exists() and file.read_text(encoding="utf-8") == rules_document():
        return []
    return [_shown(Finding(str(file), 1, STALE, "error", "stale; run `make templates`"))]


def _parsed(texts: Mapping[str, str]) -> tuple[dict[str, Template], list[Finding]]:
    """Return the templates by file, and which files are none."""
    templates, found = {}, []
    for file, text in texts.items():
        try:
            templates[file] = parse(text, file)
        except ParseError as error:
            found.append(Finding(file, error.line, UNPARSABLE, "error", error.why))
    return templates, found


def _asked(
    templates: Mapping[str, Template],
    texts: Mapping[str, str],
    environments: Sequence[Environment],
) -> list[Finding]:
    """Return what linters and house rules find, in no order."""
    # What they make lives until they are done; looking for what could go takes a third
    # of their time.
    looked_for = gc.isenabled()
    gc.disable()
    sets = [(one, cases(one, environments)) for one in grouped(templates)]
    clean = set(found_clean())
    validated = aside(_validated, templates, texts, [looked_at for _, looked_at in sets], clean)
    ruled = aside(_ruled, sets, RULES[1::2])
    regions = sorted({environment.region for environment in environments})
    linted, unsaid = _linted(templates, texts, regions or ["us-east-1"], clean)
    found = [*linted, *_ruled(sets, RULES[::2])]
    if looked_for:
        gc.enable()
    other, also_unsaid = validated()
    if unsaid or also_unsaid:
        remember_clean([*unsaid, *also_unsaid])
    found += [finding for one, _ in sets for finding in unreasoned(one)]
    return [*found, *ruled(), *other]


def _ruled(
    sets: Sequence[tuple[TemplateSet, Sequence[Case]]], rules: Sequence[Rule]
) -> list[Finding]:
    """Return what some house rules find, each set looked at in its cases."""
    between = list(reports_between([looked_at for _, looked_at in sets], rules))
    return [
        finding
        for _, looked_at in sets
        for finding in (
            *told(all_reports(looked_at, rules), looked_at),
            *told([report for report in between if report.case in looked_at], looked_at),
        )
    ]


def _linted(
    templates: Mapping[str, Template],
    texts: Mapping[str, str],
    regions: Sequence[str],
    clean: Collection[str],
) -> tuple[list[Finding], list[str]]:
    """Return what cfn-lint finds, and the digests of what it had nothing to say of.

    What was `clean` before it isn't asked about.
    """
    settings = CFN_LINT_SETTINGS.read_text(encoding="utf-8")
    digests = linting_digests(texts, regions, settings)
    due = [template for template in templates.values() if digests[template.file] not in clean]
    if not due:
        return [], []
    ask = cfn_lint(list(templates), regions)
    largest_first = sorted(due, key=lambda t: -len(texts[t.file]))
    other = aside(ask, largest_first[1::2])
    found = [*ask(largest_first[::2]), *other()]
    named = {finding.file for finding in found}
    return found, [digests[t.file] for t in due if t.file not in named]


def _validated(
    templates: Mapping[str, Template],
    texts: Mapping[str, str],
    looked_at: Sequence[Sequence[Case]],
    clean: Collection[str],
) -> tuple[list[Finding], list[str]]:
    """Return what cloudformation-validate finds, in templates and in what comes of them.

    Also the digests of what it had nothing to say of; what was `clean` before it isn't
    asked about.
    """

    def digest(text: str) -> str:
        return asking_digest("cloudformation-validate", str(ACCEPTED), str(ACCEPTED_MADE), text)

    asked = [(digest(texts[template.file]), template) for template in templates.values()]
    asked_of = [
        (digest(made(case)), case) for several in looked_at for case in _one_of_each(several)
    ]
    due = [(key, template) for key, template in asked if key not in clean]
    due_of = [(key, case) for key, case in asked_of if key not in clean]
    if not due and not due_of:
        return [], []
    said, reported = cloudformation_validate(
        [template for _, template in due], texts, [case for _, case in due_of]
    )
    found = said + [
        finding
        for several in looked_at
        for finding in told([r for r in reported if r.case in several], several)
    ]
    named = {finding.file for finding in said}
    cases_named = [report.case for report in reported]
    return found, [
        *(key for key, template in due if template.file not in named),
        *(key for key, case in due_of if case not in cases_named),
    ]


def _one_of_each(several: Sequence[Case]) -> list[Case]:
    """Return a case of each environment: the places of a stack set differ in little."""
    return list({case.values: case for case in several}.values())


def _once(found: Iterable[Finding]) -> list[Finding]:
    """Return the findings, each once: linters share many rules, and their numbers."""
    once: dict[tuple[object, ...], Finding] = {}
    for finding in sorted(found):
        number = finding.rule.lstrip("EFIW")
        once.setdefault((finding.file, finding.line, number), finding)
    said = {(f.file, f.line, f.message): f for f in reversed(once.values())}
    return list(said.values())


def _shown(finding: Finding) -> Finding:
    """Return a finding with its file, and those it tells of, as people here call them."""
    file = Path(finding.file).absolute()
    if not file.is_relative_to(REPOSITORY):
        return finding
    message = finding.message.replace(f"{REPOSITORY}/", "")
    return replace(finding, file=file.relative_to(REPOSITORY).as_posix(), message=message)


def _environments(params: Path) -> tuple[list[Environment], list[Finding]]:
    """Return the environments there are in params/, and what is wrong with them."""
    loaded, found = [], []
    for name in names(params):
        try:
            loaded.append(load(name, params))
        except MisfitsError as error:
            found.append(
                Finding(f"{params.name}/{name}.yaml", 1, "params", "error", str(error))
            )
    shared: dict[str, list[str]] = {}
    for name, why in collisions(loaded):
        shared.setdefault(name, []).append(why)
    found += [
        Finding(f"{params.name}/{name}.yaml", 1, "params", "error", "; ".join(why))
        for name, why in shared.items()
    ]
    return loaded, found
