"""Every rule over a set of templates, with each environment's values and with others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, count
from math import comb
from pathlib import Path as File
from typing import Any

from liberty_cfn.environments import Environment
from liberty_cfn.findings import Finding
from liberty_cfn.model.flattening import Flat, flatten
from liberty_cfn.model.loading import TemplateSet
from liberty_cfn.model.resolving import NOTHING, Resolved, resolve
from liberty_cfn.repository import REPOSITORY
from liberty_cfn.rules import (
    actions,
    alarms,
    between_stacks,
    buckets,
    caches,
    databases,
    domains,
    limits,
    listening,
    load_balancing,
    names,
    policies,
    privileges,
    reachability,
    references,
    routes,
    running,
    secrets,
    security_groups,
    services,
    tasks,
    telling,
    trust,
    vpcs,
    watching,
)
from liberty_cfn.rules.rule import REGION, Design, Path, Problem, Rule, look, text
from liberty_cfn.settings import declarations

MODULES = (
    between_stacks,
    names,
    load_balancing,
    listening,
    domains,
    tasks,
    running,
    services,
    databases,
    caches,
    buckets,
    secrets,
    references,
    actions,
    trust,
    policies,
    privileges,
    vpcs,
    routes,
    security_groups,
    reachability,
    alarms,
    telling,
    watching,
    limits,
)
RULES: tuple[Rule, ...] = tuple(rule for module in MODULES for rule in module.RULES)
# A resource's Metadata, or a template's, accepts a rule's findings with a reason:
#   Metadata: {liberty-cfn: {accept: {LC1203: why it is right here}}}
METADATA = ("Metadata", "liberty-cfn", "accept")
# Said where an acceptance has no reason, and where a rule can't read a template.
UNREASONED, UNREAD = "LC0001", "LC0002"
# What rules run into where a template isn't of the shape CloudFormation takes. Linters that
# know every property say so better than each rule could.
MISSHAPEN = (AttributeError, IndexError, KeyError, TypeError, ValueError)


@dataclass(frozen=True)
class Case:
    """A set of templates with some values, and whose they are."""

    values: str
    design: Design


@dataclass(frozen=True)
class Report:
    """A problem of a case, and who says so."""

    rule: str
    level: str
    problem: Problem
    case: Case


def check(
    templates: TemplateSet,
    environments: Sequence[Environment] = (),
    rules: Sequence[Rule] = RULES,
) -> list[Finding]:
    """Return what the rules find in a set of templates, with the values of `cases`."""
    looked_at = cases(templates, environments)
    found = told(all_reports(looked_at, rules), looked_at)
    return sorted({*found, *unreasoned(templates)})


def cases(templates: TemplateSet, environments: Sequence[Environment] = ()) -> list[Case]:
    """Return the values to look at a set of templates with.

    Those of each of the environments, if it is their settings that the root has for
    parameters; else the parameters' defaults. And the other values that its conditions ask
    for, so that nothing goes unseen for being switched off.
    """
    flat = flatten(templates)
    parameters = flat.template.get("Parameters", {})
    known = set(parameters) & set(declarations())
    ours = environments if len(known) * 2 > len(parameters) else ()
    found = [
        Case(e.name, Design(templates, flat, _resolved(flat, _settings(e, parameters), e), e))
        for e in ours
    ]
    if not ours:
        found.append(Case("the defaults", Design(templates, flat, _resolved(flat, {}))))
    others = switched(flat.template)
    left = [name for name, value in others.items() if value is None]
    found += list(_mixed_cases(templates, flat, found, left))
    if others:
        turned = _turned(flat, others)
        case = Design(templates, flat, _resolved(turned, others))
        found.append(Case("conditions the other way", case))
    return found


def _mixed_cases(
    templates: TemplateSet, flat: Flat, found: Sequence[Case], left: Sequence[str]
) -> Iterator[Case]:
    """Yield cases in which some of what may be given is, beside what production gives.

    `left` are the parameters whose values can't be guessed; which of them are given, only
    conditions ask.
    """
    asked = {name for name, _ in _compared(flat.template.get("Conditions", {}))}
    optional = [name for name in left if name in asked]
    production = next((one.design for one in found if one.design.production), found[0].design)
    whose = production.environment
    settings = _settings(whose, flat.template.get("Parameters", {})) if whose else {}
    kept = dict.fromkeys(name for name in left if name not in asked)
    kept |= {name: value for name, value in settings.items() if name not in optional}
    for given in mixed(optional):
        some = dict.fromkeys(given)
        resolved = _resolved(_turned(flat, some), {**kept, **some}, whose)
        case = Design(templates, flat, resolved, whose)
        yield Case("some conditions the other way", case)


def _turned(flat: Flat, others: Mapping[str, str | None]) -> Flat:
    """Return a template in whose conditions each other value of None is like no literal."""
    conditions = _unlike(flat.template.get("Conditions", {}), others)
    return replace(flat, template={**flat.template, "Conditions": conditions})


def mixed(names: Sequence[str]) -> list[list[str]]:
    """Return groups of names, such that of any two each is in one without the other.

    What hangs on two parameters, one given and the other not, so is looked at; few groups
    do for many names, each in half of them and no two in the same.
    """
    if len(names) < 2:  # noqa: PLR2004 - both ways of one are looked at anyway
        return []
    most = next(n for n in count(2) if comb(n, n // 2) >= len(names))
    places = combinations(range(most), most // 2)
    held = dict(zip(names, places, strict=False))
    return [[name for name in names if group in held[name]] for group in range(most)]


def _settings(environment: Environment, parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return an environment's values; what it leaves to defaults, as the template has them."""
    ours = {name: text(d.limits.get("Default")) for name, d in declarations().items()}
    left = {
        name: default
        for name, body in parameters.items()
        if (default := text(look(body, "Default"))) is not None
        and name in ours
        and environment.settings.get(name) == ours[name] != default
    }
    return {**environment.settings, **left}


def all_reports(looked_at: Sequence[Case], rules: Sequence[Rule] = RULES) -> Iterator[Report]:
    """Yield what the rules find in all cases of a set."""
    always = [rule for rule in rules if not rule.once]
    for number, case in enumerate(looked_at):
        yield from reports(case, always if number else rules)


def reports(case: Case, rules: Sequence[Rule] = RULES) -> Iterator[Report]:
    """Yield what the rules find in a case."""
    for rule in rules:
        try:
            for problem in rule.check(case.design):
                yield Report(rule.id, rule.level, problem, case)
        except MISSHAPEN as error:
            why = f"{rule.id} ({rule.title}) can't read this: {type(error).__name__}: {error}"
            yield Report(UNREAD, "warning", Problem("", (), why), case)


def reports_between(
    sets: Sequence[Sequence[Case]], rules: Sequence[Rule] = RULES
) -> Iterator[Report]:
    """Yield what the rules find between sets, each by its first case."""
    rule = next((rule for rule in rules if rule.id == between_stacks.EXPORTED_ONCE), None)
    if rule is None:
        return
    firsts = {id(several[0].design): several[0] for several in sets if several}
    designs = [case.design for case in firsts.values()]
    for design, problem in between_stacks.exports_meet(designs):
        yield Report(rule.id, rule.level, problem, firsts[id(design)])


def told(found: Iterable[Report], looked_at: Sequence[Case]) -> list[Finding]:
    """Return reports with their places in the files.

    A place is told once by a rule, in the words of its first report, and with whose values
    it is wrong, if only with some.
    """
    places: dict[tuple[str, str, Path, str], list[Report]] = {}
    for report in found:
        problem = report.problem
        key = (report.rule, problem.resource, problem.path, problem.file)
        places.setdefault(key, []).append(report)
    return sorted({f for together in places.values() if (f := _placed(together, looked_at))})


def _resolved(
    flat: Flat, values: Mapping[str, str | None], environment: Environment | None = None
) -> Resolved:
    if environment is None:
        return resolve(flat, values, region=REGION)
    return resolve(flat, values, region=environment.region, account=environment.account)


def switched(template: Mapping[str, Any]) -> dict[str, str | None]:
    """Return values that turn over what conditions ask of the parameters.

    A parameter whose other value can't be guessed is left without one.
    """
    parameters = template.get("Parameters", {})
    asked: dict[str, set[str]] = {}
    for name, literal in _compared(template.get("Conditions", {})):
        if name in parameters:
            asked.setdefault(name, set()).add(literal)
    values: dict[str, str | None] = {}
    for name, literals in asked.items():
        body = parameters[name]
        default = text(look(body, "Default"))
        allowed = [str(text(value)) for value in look(body, "AllowedValues") or ()]
        others = literals if default not in literals else set(allowed) - literals
        others &= set(allowed or others)
        values[name] = min(others, default=None)
    # Empty where nobody asks whether it is, which nobody leaves it where it matters.
    for name, body in parameters.items():
        if values and text(look(body, "Default")) == "":
            values.setdefault(name, None)
    return values


def _unlike(value: Any, others: Mapping[str, str | None]) -> Any:
    """Return conditions in which a parameter without a value is like no literal."""
    if isinstance(value, list):
        return [_unlike(item, others) for item in value]
    if not isinstance(value, dict):
        return value
    if any(others.get(name, "") is None for name, _ in _compared_here(value)):
        return False
    return {key: _unlike(item, others) for key, item in value.items()}


def _compared(value: Any) -> Iterator[tuple[str, str]]:
    """Yield the parameters that conditions compare with a literal, and that literal."""
    if isinstance(value, dict):
        yield from _compared_here(value)
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _compared(item)


def _compared_here(value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    both = value.get("Fn::Equals")
    if isinstance(both, list) and len(both) == 2:  # noqa: PLR2004
        for one, other in (both, both[::-1]):
            name, literal = look(one, "Ref"), text(other)
            if isinstance(name, str) and literal is not None:
                yield name, literal


def _placed(together: Sequence[Report], looked_at: Sequence[Case]) -> Finding | None:
    """Return what one rule found in one place; None if it is accepted there."""
    report = together[0]
    problem, design = report.problem, report.case.design
    if origin := design.flat.origins.get(problem.resource):
        template, resource = design.templates.templates[origin.file], origin.logical_id
        prefix = "".join(origin.path)
        held = {
            name.removeprefix(prefix): value
            for name, value in design.resolved.conditions.items()
            if name.startswith(prefix)
        }
        body = template.section("Resources")[resource]
        path: Path = ("Resources", resource, *_written(body, problem.path, held))
    else:
        template = design.templates.templates[problem.file or design.templates.root]
        path = problem.path
        resource = str(path[1]) if path[:1] == ("Resources",) and len(path) > 1 else ""
        body = template.section("Resources").get(resource, {})
    accepted = (look(body, *METADATA), look(template.body, *METADATA))
    if any(isinstance(ids, dict) and ids.get(report.rule) for ids in accepted):
        return None
    values = list(dict.fromkeys(one.case.values for one in together))
    some = bool(problem.resource) and len(values) < len({case.values for case in looked_at})
    only = f" (with {' or '.join(values[:3])})" if some else ""
    return Finding(
        template.file,
        template.line(*path),
        report.rule,
        report.level,
        problem.message + only,
        resource,
        python_line(template.file, resource),
    )


def _written(body: Any, path: Path, held: Mapping[str, bool | None]) -> Path:
    """Return where in a resource that stands which is at `path` of what came of it."""
    found: list[str | int] = []
    for step in path:
        while isinstance(body, dict) and isinstance(branches := body.get("Fn::If"), list):
            branch = 1 if held.get(str(branches[0])) is not False else 2
            if branch >= len(branches):
                return tuple(found)
            found += ["Fn::If", branch]
            body = branches[branch]
        place = step
        if isinstance(body, list) and isinstance(step, int):
            kept = [i for i, item in enumerate(body) if not _left_out(item, held)]
            place = kept[step] if step < len(kept) else step
        below = look(body, place)
        if below is None:
            break
        found.append(place)
        body = below
    return tuple(found)


def _left_out(item: Any, held: Mapping[str, bool | None]) -> bool:
    """Whether an item of a list is an If that comes to NoValue."""
    branches = item.get("Fn::If") if isinstance(item, dict) else None
    if not isinstance(branches, list) or len(branches) != 3:  # noqa: PLR2004
        return bool(item == NOTHING)
    decided = held.get(str(branches[0]))
    return decided is not None and _left_out(branches[1 if decided else 2], held)


def python_line(file: str, resource: str) -> str:
    """Return the line of Python that added a resource; empty for what isn't generated.

    A generated template says in its first line what it is generated from, and a resource's
    title is a literal there, or one with something appended.
    """
    if not resource or not File(file).is_file():
        return ""
    with File(file).open(encoding="utf-8") as lines:
        _, generated, rest = lines.readline().partition("# Generated from ")
    source = REPOSITORY / rest.partition(" by ")[0]
    if not generated or not source.is_file():
        return ""
    code = source.read_text(encoding="utf-8").splitlines()
    for length in range(len(resource), 3, -1):
        for number, line in enumerate(code, start=1):
            if f'"{resource[:length]}"' in line:
                return f"{rest.partition(' by ')[0]}:{number}"
    return ""


def unreasoned(templates: TemplateSet) -> Iterator[Finding]:
    """Yield the acceptances that say no reason, or accept what there isn't."""
    ids = {rule.id for rule in RULES}
    for template in templates.templates.values():
        bodies: Iterable[tuple[Path, Any]] = [
            ((), template.body),
            *(
                (("Resources", title), body)
                for title, body in template.section("Resources").items()
            ),
        ]
        for path, body in bodies:
            accepted = look(body, *METADATA)
            for rule, reason in accepted.items() if isinstance(accepted, dict) else ():
                why = ""
                if rule not in ids:
                    why = f"accepts {rule}, and there is no such rule (see docs/rules.md)"
                elif not isinstance(reason, str) or not reason.strip():
                    why = f"accepts {rule} without saying why; expected the reason as text"
                if why:
                    yield Finding(
                        template.file,
                        template.line(*path, *METADATA, rule),
                        UNREASONED,
                        "error",
                        why,
                        str(path[1]) if path else "",
                    )
