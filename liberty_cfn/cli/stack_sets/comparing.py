"""Every target against what it should be: `drift`, `verify` and `doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from liberty_cfn.cli.common import console, exit_unless, print_json
from liberty_cfn.cli.stack_sets.common import fleet_of, say_unknown, there_is

if TYPE_CHECKING:
    from liberty_cfn.environments import Environment


def drift(environment: Environment, *, as_json: bool) -> None:
    """Show what in every target was changed by hand since it was deployed."""
    from liberty_cfn.deploy.drift import as_json as drift_as_json
    from liberty_cfn.deploy.drift import as_lines, summary
    from liberty_cfn.deploy.stack_sets.comparing import drifted

    aside = console(stderr=True)
    fleet = fleet_of(environment, aside)
    found, unknown = drifted(fleet, there_is(fleet), aside.print)
    count = sum(len(compared.drifts) for compared in found.values())
    if as_json:
        print_json(
            {
                "stack_set": fleet.name,
                "targets": {str(place): drift_as_json(one) for place, one in found.items()},
                "unknown": {str(place): why for place, why in unknown.items()},
            }
        )
    else:
        for place, compared in found.items():
            click.echo(f"{place}: {summary(compared)}")
            for line in as_lines(compared.drifts):
                click.echo(line)
            for one in compared.unknown:
                click.echo(f"could not be compared: {one}")
        say_unknown(unknown)
    blind = any(compared.unknown for compared in found.values())
    exit_unless(not count and not unknown and not blind)


def verify(environment: Environment, *, every: bool, as_json: bool, markdown: bool) -> None:
    """Compare what exists in every target with the spec's checklist."""
    from liberty_cfn.deploy.stack_sets.comparing import verified
    from liberty_cfn.deploy.stack_sets.showing import verified_table
    from liberty_cfn.verify.document import as_json as report_as_json
    from liberty_cfn.verify.markdown import as_markdown
    from liberty_cfn.verify.table import as_table

    aside = console(stderr=True)
    fleet = fleet_of(environment, aside)
    reports, unknown, advice = verified(fleet)
    if as_json:
        print_json(
            {
                "stack_set": fleet.name,
                "ok": all(report.ok for report in reports.values()) and not unknown,
                "targets": {str(place): report_as_json(r) for place, r in reports.items()},
                "unknown": {str(place): why for place, why in unknown.items()},
            }
        )
    else:
        for place, report in reports.items():
            if markdown:
                click.echo(f"## {place}\n\n{as_markdown(report)}")
            elif every or not report.ok:
                console().print(as_table(report, everything=every))
        if markdown:
            say_unknown(unknown)
        else:
            console().print(verified_table(reports, unknown))
    for said in advice:
        aside.print(said)
    exit_unless(all(report.ok for report in reports.values()) and not unknown)


def doctor(environment: Environment, *, as_json: bool) -> None:
    """Say what in any target would make a deploy of a set fail."""
    from liberty_cfn.deploy.finding import Level
    from liberty_cfn.deploy.finding import as_json as findings_as_json
    from liberty_cfn.deploy.showing import findings_text
    from liberty_cfn.deploy.stack_sets.comparing import examined

    found = examined(fleet_of(environment, console(stderr=True)))
    if as_json:
        print_json({where: findings_as_json(findings) for where, findings in found.items()})
    else:
        for where, findings in found.items():
            console().print(where, style="bold")
            console().print(findings_text(findings))
    exit_unless(
        not any(e.level is Level.OBSTACLE for findings in found.values() for e in findings)
    )
