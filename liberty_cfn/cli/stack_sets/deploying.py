"""`plan` and `deploy`, of a set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NoReturn

import click

from liberty_cfn.cli.common import console, exit_unless, fail, fixed_by_hand, keep, print_json
from liberty_cfn.cli.reviewed import generated
from liberty_cfn.cli.stack_sets.common import by_target, fleet_of
from liberty_cfn.cli.stack_sets.watching import watched

if TYPE_CHECKING:
    from rich.console import Console

    from liberty_cfn.deploy.stack_sets.reaching import Fleet
    from liberty_cfn.environments import Environment


def plan(environment: Environment, *, as_json: bool, markdown: bool) -> NoReturn:
    """Show what deploying a set would change in every target."""
    from liberty_cfn.deploy.stack_sets import deploying, showing
    from liberty_cfn.markdown import fitting

    aside = console(stderr=True)
    fleet = fleet_of(environment, aside)
    with watched(fleet, aside, "plan") as asked:
        want, _, planned = deploying.prepare(fleet, generated(aside), asked)
    if as_json:
        steps = list(want.advice) if planned.differences else []
        print_json(showing.set_as_json(planned, fleet.targets) | {"next_steps": steps})
    elif markdown:
        command = f"make plan ENV={environment.name}"
        click.echo(fitting(showing.set_markdown(planned, fleet.targets), command), nl=False)
    else:
        console().print(showing.plan_table(planned, fleet.targets))
    for advice in want.advice if planned.differences else ():
        aside.print(advice)
    raise SystemExit(planned.code)


def deploy(
    environment: Environment,
    templates: Mapping[str, str],
    allowed: tuple[str, ...],
    *,
    yes: bool,
    confirm: str | None,
    as_json: bool,
    adopting_as: str,
    removed: tuple[str, ...],
) -> None:
    """Make a set what its environment says, canary first, and verify every target.

    With `adopting_as`, an administrator's role, what an earlier destroy kept is taken in.
    `removed` are the names of targets that may go.
    """
    from liberty_cfn.deploy.stack_sets import comparing, deploying, showing
    from liberty_cfn.deployment_targets import by_place
    from liberty_cfn.digests import digest
    from liberty_cfn.verify import document

    screen = console(stderr=as_json)
    fleet = fleet_of(environment, screen)
    _have_roles(fleet, screen)
    with watched(fleet, screen, "deploy", yes=yes, confirm=confirm, removed=removed) as asked:
        outcome = deploying.deploy(fleet, templates, asked, allowed, adopting_as=adopting_as)
    keep(environment)
    if outcome is None:
        fail("Nothing was changed.")
    if not outcome.changed:
        screen.print(f"{fleet.name}: no changes")
    reports, unknown, advice = comparing.verified(fleet)
    screen.print(showing.verified_table(reports, unknown))
    as_specified = all(report.ok for report in reports.values())
    steps = [*([] if as_specified else [fixed_by_hand(environment)]), *advice]
    for line in steps:
        screen.print(line)
    ok = as_specified and not unknown and not outcome.unprotected
    if as_json:
        print_json(
            stack_set=fleet.name,
            ok=ok,
            digest=digest(templates),
            changed=outcome.changed,
            targets=[result.as_json() for result in outcome.results.values()],
            verify=by_target({p: document.as_json(report) for p, report in reports.items()}),
            unknown=by_place(unknown),
            next_steps=steps,
        )
    exit_unless(ok)


def _have_roles(fleet: Fleet, screen: Console) -> None:
    """Make the roles that are missing on the local AWS; refuse to go on elsewhere."""
    from liberty_cfn.deploy.stack_sets.bootstrap import install, missing

    if not (lacking := missing(fleet)):
        return
    if not fleet.environment.is_local:
        lines = ["Nothing was changed: a stack set needs roles that aren't there:"]
        lines += [f"  {account}: {why}" for account, why in lacking.items()]
        lines.append(
            f"An administrator makes them: make bootstrap ENV={fleet.environment.name}"
        )
        fail("\n".join(lines))
    count = "1 local account" if len(lacking) == 1 else f"{len(lacking)} local accounts"
    screen.print(f"Making the roles for stack sets in {count}")
    install(fleet, "", screen.print)
