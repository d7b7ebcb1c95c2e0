"""Every target against what it should be: `drift` and `verify`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from liberty_cfn.cli.common import console, exit_unless, print_json
from liberty_cfn.cli.stack_sets.common import by_target, fleet_of, say_unknown, there_is

if TYPE_CHECKING:
    from liberty_cfn.environments import Environment


def drift(environment: Environment, *, as_json: bool) -> None:
    """Show what in every target was changed by hand since it was deployed."""
    from liberty_cfn.deploy import drift
    from liberty_cfn.deploy.stack_sets.comparing import drifted
    from liberty_cfn.deployment_targets import by_place

    aside = console(stderr=True)
    fleet = fleet_of(environment, aside)
    found, unknown = drifted(fleet, there_is(fleet), aside.print)
    same = not unknown and all(compared.same for compared in found.values())
    if as_json:
        told = by_target({place: drift.as_json(one) for place, one in found.items()})
        print_json(stack_set=fleet.name, ok=same, targets=told, unknown=by_place(unknown))
    else:
        for place, compared in found.items():
            click.echo("\n".join([f"{place}: {compared.summary}", *drift.as_lines(compared)]))
        if any(compared.unprotected for compared in found.values()):
            click.echo("The next deploy that changes a target sets its policies again.")
        say_unknown(unknown)
    exit_unless(same)


def verify(environment: Environment, *, every: bool, as_json: bool, markdown: bool) -> None:
    """Compare what exists in every target with the spec's checklist."""
    from liberty_cfn.deploy.stack_sets import comparing, showing
    from liberty_cfn.deployment_targets import by_place
    from liberty_cfn.markdown import fitting
    from liberty_cfn.verify import document
    from liberty_cfn.verify.markdown import as_markdown
    from liberty_cfn.verify.table import as_table

    aside, screen = console(stderr=True), console()
    fleet = fleet_of(environment, aside)
    reports, unknown, advice = comparing.verified(fleet)
    ok = all(report.ok for report in reports.values()) and not unknown
    if as_json:
        told = by_target({place: document.as_json(one) for place, one in reports.items()})
        print_json(
            stack_set=fleet.name,
            ok=ok,
            targets=told,
            unknown=by_place(unknown),
            next_steps=advice,
        )
    elif markdown:
        text = "".join(f"## {p}\n\n{as_markdown(one)}\n" for p, one in reports.items())
        click.echo(fitting(text, f"make verify ENV={environment.name}"), nl=False)
        say_unknown(unknown)
    else:
        for report in reports.values():
            if every or not report.ok:
                screen.print(as_table(report, everything=every))
        screen.print(showing.verified_table(reports, unknown))
    for said in advice:
        aside.print(said)
    exit_unless(ok)
