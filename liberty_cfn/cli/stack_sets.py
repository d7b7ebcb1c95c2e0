# ruff: noqa: PLC0415 - what a command needs is imported when it runs
"""The commands, where an environment is a stack set; and those that only a set has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import click

from liberty_cfn.cli.asking import agrees, confirmed
from liberty_cfn.cli.common import (
    connect,
    console,
    environment_argument,
    fail,
    interruptible,
    json_option,
    keep,
    print_json,
)
from liberty_cfn.cli.reviewed import check_digest, check_templates

if TYPE_CHECKING:
    from rich.console import Console

    from liberty_cfn.deploy.stack_sets.operations import Result
    from liberty_cfn.deploy.stack_sets.previews import SetPlan
    from liberty_cfn.deploy.stack_sets.reaching import Fleet
    from liberty_cfn.deploy.stack_sets.showing import Board
    from liberty_cfn.deploy.stack_sets.standing import Standing
    from liberty_cfn.deployment_targets import Place
    from liberty_cfn.environments import Environment

# What AWS Organizations makes in the accounts that it makes.
ADMINISTRATOR = "OrganizationAccountAccessRole"


def plan(environment: Environment, *, as_json: bool, markdown: bool) -> NoReturn:
    """Show what deploying a set would change in every target."""
    from liberty_cfn.deploy.packaging import read
    from liberty_cfn.deploy.stack_sets.deploying import prepare
    from liberty_cfn.deploy.stack_sets.showing import plan_table, set_as_json, set_markdown
    from liberty_cfn.repository import TEMPLATES

    aside = console(stderr=True)
    fleet = _fleet(environment, aside)
    with _watched(fleet, aside) as asked:
        _, _, planned = prepare(fleet, read(TEMPLATES), asked)
    if as_json:
        print_json(set_as_json(planned, fleet.targets))
    elif markdown:
        click.echo(set_markdown(planned, fleet.targets), nl=False)
    else:
        console().print(plan_table(planned, fleet.targets))
    raise SystemExit(planned.code)


def deploy(
    environment: Environment,
    allowed: tuple[str, ...],
    alone: Mapping[str, bool],
    *,
    yes: bool,
    approved: str | None,
    as_json: bool,
    adopting_as: str,
) -> None:
    """Make a set what its environment says, canary first, and verify every target.

    `alone` are the options that are for one stack, and whether each was given. With
    `adopting_as`, an administrator's role, what an earlier destroy kept is taken in.
    """
    from liberty_cfn.deploy.packaging import read
    from liberty_cfn.deploy.stack_sets.comparing import verified
    from liberty_cfn.deploy.stack_sets.deploying import deploy as deploy_set
    from liberty_cfn.deploy.stack_sets.showing import verified_table
    from liberty_cfn.repository import TEMPLATES
    from liberty_cfn.verify.document import as_json as report_as_json

    if given := [option for option, asked in alone.items() if asked]:
        fail(f"{environment.name} is a stack set, and {given[0]} is for one stack.")
    if adopting_as and environment.targets and environment.targets.service_managed:
        fail(
            f"Nothing was changed: {environment.name} is service-managed, so only AWS gets "
            "into its accounts, and nothing there can be adopted."
        )
    screen = console(stderr=as_json)
    check_templates(environment, screen)
    templates = read(TEMPLATES)
    check_digest(templates, approved)
    fleet = _fleet(environment, screen)
    _have_roles(fleet, screen)
    with _watched(fleet, screen, yes=yes) as asked:
        outcome = deploy_set(fleet, templates, asked, allowed, adopting_as=adopting_as)
    keep(environment)
    if outcome is None:
        fail("Nothing was changed.")
    if not outcome.changed:
        screen.print(f"{fleet.name}: no changes")
    reports, unknown = verified(fleet)
    screen.print(verified_table(reports, unknown))
    for advice in outcome.advice:
        screen.print(advice)
    if as_json:
        said = {
            "stack_set": fleet.name,
            "changed": outcome.changed,
            "targets": _told(outcome.results.values()),
            "verify": {str(place): report_as_json(r) for place, r in reports.items()},
            "unknown": {str(place): why for place, why in unknown.items()},
        }
        print_json(said)
    _exit_unless(all(report.ok for report in reports.values()) and not unknown)


def status(environment: Environment, *, as_json: bool) -> None:
    """Show how a set and every target of it stand."""
    from liberty_cfn.deploy.stack_sets.failures import first_hand
    from liberty_cfn.deploy.stack_sets.operations import under_way
    from liberty_cfn.deploy.stack_sets.showing import standing_table
    from liberty_cfn.deploy.stack_sets.standing import operations

    fleet = _fleet(environment, console(stderr=True))
    there = _there(fleet)
    running = under_way(fleet.cloudformation, fleet.name)
    missing = [str(p) for p in fleet.targets.places if p not in there.instances]
    failed = [p for p, i in there.instances.items() if i.detailed in ("FAILED", "INOPERABLE")]
    last = next(operations(fleet.cloudformation, fleet.name), None) if failed else None
    reasons, _ = first_hand(fleet, failed, last["CreationTimestamp"]) if last else ({}, {})
    if as_json:
        instances = [
            {
                "account": one.place.account,
                "region": one.place.region,
                "stack_id": one.stack_id or None,
                "status": one.status,
                "detailed_status": one.detailed,
                "drift": one.drift,
                "reason": "; ".join(reasons.get(one.place, ())) or one.reason or None,
            }
            for one in there.instances.values()
        ]
        print_json(
            {
                "stack_set": fleet.name,
                "drift": there.drift,
                "operation": running or None,
                "targets": instances,
                "missing": missing,
            }
        )
        return
    console().print(standing_table(there.instances.values(), reasons))
    if missing:
        click.echo(f"Not there yet: {', '.join(missing)}")
    click.echo(_advice(fleet, there, running))


def events(environment: Environment, *, attach: bool, as_json: bool) -> None:
    """Show a set's last operation; with `attach`, follow the one that is under way."""
    from liberty_cfn.deploy.stack_sets.operations import follow, under_way
    from liberty_cfn.deploy.stack_sets.standing import operations

    screen = console(stderr=as_json)
    fleet = _fleet(environment, screen)
    _there(fleet)
    cloudformation, name = fleet.cloudformation, fleet.name
    running = under_way(cloudformation, name)
    last = next(operations(cloudformation, name), None)
    if last is None:
        click.echo(f"{name}: nothing has been done to it yet")
        return
    if running and not attach:
        fail(f"{name}: {running} is under way; to follow it: --follow")
    with _watched(fleet, screen) as asked:
        done = follow(cloudformation, name, str(running or last["OperationId"]), asked.happened)
    if as_json:
        print_json(
            {
                "stack_set": name,
                "operation": done.id,
                "action": done.action,
                "status": done.status,
                "targets": _told(done.results.values()),
            }
        )
    else:
        click.echo(f"{done.action} {done.id}: {done.status}")
    if attach:
        _exit_unless(done.succeeded)


def cancel(environment: Environment, *, as_json: bool) -> None:
    """Stop a set's operation: what has begun ends, nothing else begins."""
    from liberty_cfn.deploy.stack_sets.operations import stop

    fleet = _fleet(environment, console(stderr=True))
    _there(fleet)
    if not (running := stop(fleet.cloudformation, fleet.name)):
        fail(f"{fleet.name}: no operation is under way.")
    if as_json:
        print_json({"stack_set": fleet.name, "cancelled": running})
    else:
        click.echo(
            f"{fleet.name}: {running} is being stopped. Stacks that have begun go on to their "
            f"end; to see it: liberty-cfn events --follow {environment.name}"
        )


def drift(environment: Environment, *, as_json: bool) -> None:
    """Show what in every target was changed by hand since it was deployed."""
    from dataclasses import asdict

    from liberty_cfn.deploy.drift import as_lines
    from liberty_cfn.deploy.stack_sets.comparing import drifted

    aside = console(stderr=True)
    fleet = _fleet(environment, aside)
    found, unknown = drifted(fleet, _there(fleet), aside.print)
    count = sum(len(compared.drifts) for compared in found.values())
    if as_json:
        print_json(
            {
                "stack_set": fleet.name,
                "targets": {str(place): asdict(compared) for place, compared in found.items()},
                "unknown": {str(place): why for place, why in unknown.items()},
            }
        )
    else:
        for place, compared in found.items():
            click.echo(f"{place}: {len(compared.drifts)} differ, in {compared.stacks} stacks")
            for line in as_lines(compared.drifts):
                click.echo(line)
            for one in compared.unknown:
                click.echo(f"could not be compared: {one}")
        _say_unknown(unknown)
    blind = any(compared.unknown for compared in found.values())
    _exit_unless(not count and not unknown and not blind)


def verify(environment: Environment, *, every: bool, as_json: bool, markdown: bool) -> None:
    """Compare what exists in every target with the spec's checklist."""
    from liberty_cfn.deploy.stack_sets.comparing import verified
    from liberty_cfn.deploy.stack_sets.showing import verified_table
    from liberty_cfn.verify.document import as_json as report_as_json
    from liberty_cfn.verify.markdown import as_markdown
    from liberty_cfn.verify.table import as_table

    fleet = _fleet(environment, console(stderr=True))
    reports, unknown = verified(fleet)
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
            _say_unknown(unknown)
        else:
            console().print(verified_table(reports, unknown))
    _exit_unless(all(report.ok for report in reports.values()) and not unknown)


def destroy(environment: Environment, *, confirm: str | None, as_json: bool) -> None:
    """Delete a set's stacks in every target, but what policies keep; then the set."""
    from liberty_cfn.deploy.showing import kept_table
    from liberty_cfn.deploy.stack_sets.destroying import destroy as destroy_set
    from liberty_cfn.deploy.stack_sets.destroying import remaining
    from liberty_cfn.deploy.stack_sets.standing import standing
    from liberty_cfn.environments import LOCAL

    screen = console(stderr=as_json)
    fleet = _fleet(environment, screen)
    there = standing(fleet.cloudformation, fleet.name)
    if there is None:
        if as_json:
            print_json({"stack_set": fleet.name, "deleted": False, "kept": {}})
        else:
            click.echo(f"{fleet.name}: there is none")
        return
    kept, held, unknown = remaining(fleet, there)
    if held:
        told = [f"{place}: {why}" for place, found in held.items() for why in found]
        fail("\n".join(["Nothing was deleted:", *told]))
    for place, left in kept.items():
        screen.print(f"{place}: what is kept")
        screen.print(kept_table(left))
    for place, why in unknown.items():
        screen.print(f"{place}: what is kept isn't known: {why}")
    if environment.endpoint != LOCAL:
        confirmed(environment, confirm)
    with _watched(fleet, screen) as asked:
        results = destroy_set(fleet, there, asked)
    keep(environment)
    left_over = sum(len(left) for left in kept.values())
    if as_json:
        listed = {str(p): [{"type": k.type, "id": k.id} for k in v] for p, v in kept.items()}
        print_json({"stack_set": fleet.name, "deleted": True, "kept": listed})
    else:
        click.echo(
            f"{fleet.name} is deleted, in {len(results)} targets; {left_over} resources are "
            "kept, as listed above. A new deploy can take them in: make deploy "
            f"ENV={environment.name} ADOPT=1"
        )


def doctor(environment: Environment, *, as_json: bool) -> None:
    """Say what in any target would make a deploy of a set fail."""
    from liberty_cfn.deploy.doctor import as_json as findings_as_json
    from liberty_cfn.deploy.finding import Level
    from liberty_cfn.deploy.showing import findings_table
    from liberty_cfn.deploy.stack_sets.comparing import examined

    found = examined(_fleet(environment, console(stderr=True)))
    if as_json:
        print_json({where: findings_as_json(findings) for where, findings in found.items()})
    else:
        for where, findings in found.items():
            console().print(where, style="bold")
            console().print(findings_table(findings))
    _exit_unless(
        not any(e.level is Level.OBSTACLE for findings in found.values() for e in findings)
    )


@click.command("retry")
@environment_argument
@json_option
def retry_command(environment: str, *, as_json: bool) -> None:
    """Bring those targets of a stack set up to date that failed, or were not come to.

    Nothing about the set is changed, and targets that are CURRENT are left alone.
    """
    from liberty_cfn.deploy.stack_sets.deploying import retry

    screen = console(stderr=as_json)
    chosen = _set(environment, "retry")
    fleet = _fleet(chosen, screen)
    _there(fleet)
    with _watched(fleet, screen) as asked:
        outcome = retry(fleet, asked)
    keep(chosen)
    results = list(outcome.results.values()) if outcome else []
    if as_json:
        print_json({"stack_set": fleet.name, "targets": _told(results)})
    else:
        count = f"{len(results)} targets" if len(results) != 1 else "1 target"
        click.echo(f"{fleet.name}: {count} brought up to date")


@click.command("bootstrap")
@environment_argument
@click.option(
    "--role",
    default=ADMINISTRATOR,
    show_default=True,
    metavar="NAME",
    help="The role to take in accounts other than this one; it makes roles there.",
)
@json_option
def bootstrap_command(environment: str, *, role: str, as_json: bool) -> None:
    """Make the roles that a self-managed stack set needs, in its home and every target.

    For administrators; templates/bootstrap/ says what the roles may do. Where an account
    can't be reached, the command to run there is told.
    """
    from liberty_cfn.deploy.stack_sets.bootstrap import install

    screen = console(stderr=as_json)
    chosen = _set(environment, "bootstrap")
    fleet = _fleet(chosen, screen)
    if fleet.targets.service_managed:
        fail(f"{fleet.name} is service-managed: AWS Organizations makes its roles itself.")
    done, failed = install(fleet, role, lambda _: None)
    keep(chosen)
    if as_json:
        print_json({"done": done, "failed": failed})
    else:
        for account, how in done.items():
            click.echo(f"{account}: {how}")
    for account, why in failed.items():
        click.echo(f"{account}: {why}", err=True)
    _exit_unless(not failed)


commands = (retry_command, bootstrap_command)


def refuse(environment: Environment, command: str) -> None:
    """Say that a command is for one stack, where the environment is a set of them."""
    if environment.targets:
        fail(
            f"{environment.name} is a stack set, and {command} is for one stack. What a set "
            "can: plan, deploy, status, events, retry, cancel, drift, verify, destroy, doctor, "
            "bootstrap."
        )


class _Asked:
    """A board that asks, too: before a deploy, and after its canary."""

    def __init__(self, fleet: Fleet, screen: Console, board: Board, *, yes: bool) -> None:
        from liberty_cfn.environments import LOCAL

        self._fleet, self._screen, self._board = fleet, screen, board
        self._yes = yes
        self._local = fleet.environment.endpoint == LOCAL

    def say(self, line: str) -> None:
        self._board.say(line)

    def looked(self, done: int, of: int) -> None:
        self._board.looked(done, of)

    def planned(self, plan: SetPlan) -> None:
        from liberty_cfn.deploy.stack_sets.showing import plan_table

        self._screen.print(plan_table(plan, self._fleet.targets))

    def consents(self, plan: SetPlan) -> bool:
        if gone := plan.differences.gone:
            where = ", ".join(map(str, gone))
            return self._agrees(f"Delete the stacks in {where}, but what is kept as above?")
        return self._agrees(f"Deploy {self._fleet.environment.name}?")

    def happened(self, results: list[Result]) -> None:
        self._board.happened(results)

    def goes_on(self, canary: Place) -> bool:
        from liberty_cfn.verify import verify
        from liberty_cfn.verify.table import as_table

        self._board.stop()
        if self._fleet.targets.service_managed:
            self._screen.print(f"{canary} is done; it can't be verified from here")
            return self._agrees("Go on with the other targets?")
        environment = self._fleet.environment.at(canary)
        report = verify(environment, self._fleet.at(canary).client)
        if not report.ok:
            self._screen.print(as_table(report))
            self._screen.print(f"{canary} is not as the spec says: see above.")
            return False
        rows = f"{report.found} resources and {len(report.checks)} checks"
        self._screen.print(f"{canary}: {rows} are as the spec says")
        return self._agrees("Go on with the other targets?")

    def _agrees(self, question: str) -> bool:
        return self._local or self._yes or agrees(question)


@contextmanager
def _watched(fleet: Fleet, screen: Console, *, yes: bool = False) -> Iterator[_Asked]:
    """Show what happens, and ask; on Ctrl-C, say that AWS goes on."""
    from liberty_cfn.deploy.stack_sets.showing import Board

    board = Board(screen)
    with interruptible(fleet.environment, board.stop):
        yield _Asked(fleet, screen, board, yes=yes)


def _fleet(environment: Environment, screen: Console) -> Fleet:
    from liberty_cfn.deploy.stack_sets.reaching import fleet

    return fleet(environment, connect(environment, screen))


def _set(name: str, command: str) -> Environment:
    from liberty_cfn.environments import load

    chosen = load(name)
    if not chosen.targets:
        fail(f"{command} is for stack sets, and params/{name}.yaml names no Targets.")
    return chosen


def _there(fleet: Fleet) -> Standing:
    from liberty_cfn.deploy.stack_sets.standing import standing

    if (found := standing(fleet.cloudformation, fleet.name)) is None:
        fail(
            f"{fleet.name}: there is none in account {fleet.home.account}, "
            f"{fleet.home.region}. To make it: make deploy ENV={fleet.environment.name}"
        )
    return found


def _have_roles(fleet: Fleet, screen: Console) -> None:
    """Make the roles that are missing on the local AWS; refuse to go on elsewhere."""
    from liberty_cfn.deploy.stack_sets.bootstrap import install, missing
    from liberty_cfn.environments import LOCAL

    if not (lacking := missing(fleet)):
        return
    if fleet.environment.endpoint != LOCAL:
        told = [f"  {account}: {why}" for account, why in lacking.items()]
        name = fleet.environment.name
        fail(
            "\n".join(
                [
                    "Nothing was changed: a stack set needs roles that aren't there:",
                    *told,
                    f"An administrator makes them: make bootstrap ENV={name}",
                ]
            )
        )
    screen.print(f"Making the roles for stack sets in {len(lacking)} local accounts")
    install(fleet, "", screen.print)


def _advice(fleet: Fleet, there: Standing, running: str) -> str:
    name = fleet.environment.name
    if running:
        return f"{running} is under way; to follow it: liberty-cfn events --follow {name}"
    stuck = [str(p) for p, i in there.instances.items() if i.status == "INOPERABLE"]
    if stuck:
        return f"INOPERABLE: {', '.join(stuck)}. What to do is told by: make deploy ENV={name}"
    if any(not one.current for one in there.instances.values()):
        return f"To bring up to date what is OUTDATED: make retry ENV={name}"
    return "Every target is as the set says."


def _told(results: Any) -> list[dict[str, Any]]:
    return [
        {
            "account": result.place.account,
            "region": result.place.region,
            "status": result.status,
            "reason": result.reason or None,
            "seconds": result.took.total_seconds() if result.took is not None else None,
        }
        for result in results
    ]


def _say_unknown(unknown: dict[Place, str]) -> None:
    for place, why in unknown.items():
        click.echo(f"{place} can't be looked into: {why}")


def _exit_unless(ok: bool) -> None:  # noqa: FBT001 - what it takes is what it is about
    if not ok:
        raise SystemExit(1)
