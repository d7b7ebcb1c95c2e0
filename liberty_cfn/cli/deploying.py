"""`liberty-cfn plan` and `liberty-cfn deploy`."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from liberty_cfn.cli import common
from liberty_cfn.cli.asking import confirm_option, may_deploy, named_otherwise, yes_option
from liberty_cfn.cli.reviewed import check_digest, checked_templates, generated
from liberty_cfn.cli.stack_sets import deploying as of_sets
from liberty_cfn.cli.stack_sets.common import ADMINISTRATOR, refuse_alone

if TYPE_CHECKING:
    from liberty_cfn.deploy.targets import Target
    from liberty_cfn.environments import Environment


@click.command("plan")
@common.environment_argument
@common.drift_option
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
@click.option("--markdown", is_flag=True, help="Print the plan for a pull request.")
def plan_command(
    environment: Environment, *, drift: bool, as_json: bool, markdown: bool
) -> None:
    """Show what deploying ENV would change, and change nothing.

    A change set over all nested stacks, shown and discarded: each resource, the properties
    that change, and whether it is replaced for certain, or possibly (a value is known only
    after apply).

    Exits with 0 for nothing, 2 for changes, 3 for changes that put data at risk, 1 when it
    failed.
    """
    common.one_of(json=as_json, markdown=markdown)
    from liberty_cfn.deploy import plans, preparing, showing
    from liberty_cfn.deploy.telling import ShownProgress
    from liberty_cfn.deploy.work import Work
    from liberty_cfn.markdown import fitting

    refuse_alone(environment, {"--drift": drift})
    if environment.targets:
        of_sets.plan(environment, as_json=as_json, markdown=markdown)
    aside = common.console(stderr=True)
    target = common.connect(environment, aside)
    environment, advice = common.with_image(environment, target)
    work = Work(environment, target, ShownProgress(aside), generated(aside))
    planned = preparing.plan(work, drift=drift)
    if as_json:
        steps = [advice] if advice and planned.changes else []
        common.print_json(plans.as_json(planned) | {"next_steps": steps})
    elif markdown:
        command = f"make plan ENV={environment.name}"
        click.echo(fitting(showing.plan_markdown(planned), command), nl=False)
    else:
        common.console().print(showing.plan_tree(planned))
    if advice and planned.changes:
        aside.print(advice)
    raise SystemExit(planned.code)


@click.command("deploy")
@common.environment_argument
@yes_option
@confirm_option
@click.option(
    "--allow-replace",
    "allowed",
    multiple=True,
    metavar="LOGICAL_ID",
    help="Let this stateful resource be replaced or deleted, with its data, or keep less of "
    "it. Repeatable.",
)
@click.option(
    "--allow-removal",
    "removed",
    multiple=True,
    metavar="TARGET",
    help="Let a stack set's target go that its file no longer has: ACCOUNT/REGION, or all of "
    "an account or a region. Repeatable.",
)
@click.option(
    "--template-digest",
    "approved",
    # Not by envvar, which ignores an empty one: then whatever should have set it is missing.
    default=lambda: os.environ.get("APPROVED"),
    metavar="DIGEST",
    help="Deploy only if the templates have this digest, which every plan shows.",
)
@click.option(
    "--adopt",
    is_flag=True,
    envvar="ADOPT",
    help="Let a new environment take in what an earlier destroy kept under its names.",
)
@click.option(
    "--role",
    default="",
    show_default=ADMINISTRATOR,
    metavar="NAME",
    help="With --adopt, for a stack set: the role to take in its other accounts, where it "
    "reads and deletes secrets.",
)
@click.option(
    "--restart",
    is_flag=True,
    envvar="RESTART",
    help="Replace running tasks if a secret has another value than they started with.",
)
@click.option(
    "--delete-failed",
    "failed",
    default="",
    metavar="STACK",
    help="Delete what is left of this stack, whose creation failed, and make it again.",
)
@common.drift_option
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def deploy_command(
    environment: Environment,
    *,
    yes: bool,
    confirm: str | None,
    allowed: tuple[str, ...],
    removed: tuple[str, ...],
    approved: str | None,
    adopt: bool,
    role: str,
    restart: bool,
    failed: str,
    drift: bool,
    as_json: bool,
) -> None:
    """Make ENV what its templates and settings say, and verify it.

    Shows the change set before it is executed, then what happens as it happens, then the
    checklist of the spec and the outputs. What is deployed is what is committed: templates
    that are not as generated are refused (for the local AWS, they are written).

    A change that would replace or delete what holds data, or have it keep less (a shorter
    retention of backups), is refused, unless each such resource is named with
    --allow-replace; to take targets out of a stack set, unless they are with --allow-removal.
    """
    from liberty_cfn import verify
    from liberty_cfn.deploy import deploying, showing
    from liberty_cfn.deploy.telling import ShownProgress
    from liberty_cfn.deploy.work import Work
    from liberty_cfn.digests import digest
    from liberty_cfn.verify import document, table

    screen = common.console(stderr=as_json)
    named_otherwise(environment, confirm, "deployed")
    _refuse_unfit(environment, allowed, removed, role=role, adopt=adopt, failed=failed)
    alone = {"--restart": restart, "--delete-failed": bool(failed), "--drift": drift}
    refuse_alone(environment, alone)
    templates = checked_templates(environment, screen)
    check_digest(templates, approved)
    if environment.targets:
        of_sets.deploy(
            environment,
            templates,
            allowed,
            yes=yes,
            confirm=confirm,
            as_json=as_json,
            adopting_as=(role or ADMINISTRATOR) if adopt else "",
            removed=removed,
        )
        return
    target = common.connect(environment, screen)
    progress = ShownProgress(screen, lambda: may_deploy(environment, confirm, yes=yes))
    # What was to be taken in is in the way of a deploy that doesn't.
    more = " ADOPT=1" if adopt else ""
    with common.interruptible(environment, "deploy", progress.stop, more):
        work = Work(environment, target, progress, templates, allowed)
        begun = deploying.begin(work, failed)
        # Not sooner: while somebody else's deploy was awaited, the tag may have moved.
        environment, advice = common.with_image(environment, target)
        work = replace(work, environment=environment)
        outcome = deploying.deploy(work, begun, adopt=adopt, drift=drift)
    if outcome is None:
        common.fail("Nothing was deployed.")
    if not outcome.changed:
        progress.say(f"{environment.stack}: no changes")
    with _deployed(environment):
        outdated = _restarted(environment, target, progress.say, restart=restart)
        if outcome.changed or restart:
            common.keep(environment)
        if target.is_aws:
            progress.say("Verifying what exists, which takes some seconds")
        report = verify.verify(environment, target.client)
        screen.print(table.as_table(report))
        screen.print(showing.outputs_text(outcome.outputs))
        steps = list(_next_steps(environment, target, advice, differs=not report.ok))
        for step in steps:
            progress.say(step)
    if as_json:
        common.print_json(
            stack=environment.stack,
            ok=report.ok,
            digest=digest(templates),
            changed=outcome.changed,
            outdated_secrets=outdated,
            outputs=outcome.outputs,
            verify=document.as_json(report),
            next_steps=steps,
        )
    common.exit_unless(report.ok)


@contextmanager
def _deployed(environment: Environment) -> Iterator[None]:
    """Where AWS refuses what comes after a deploy, say that the deploy itself is done."""
    from liberty_cfn import mishaps
    from liberty_cfn.deploy import faults
    from liberty_cfn.verify import VerifyError

    try:
        yield
    except (*faults.OF_AWS, VerifyError) as error:
        why = mishaps.in_words(error, environment.name)
        common.fail(
            f"{environment.stack} is deployed, but what comes after that failed. {why}",
            **mishaps.facts(error) | {"stack": environment.stack},
        )


def _refuse_unfit(
    environment: Environment,
    allowed: Collection[str],
    removed: Collection[str],
    *,
    role: str,
    adopt: bool,
    failed: str,
) -> None:
    """Refuse options that would do nothing here, or more than they say."""
    for name in allowed:
        # A stack policy would take a * for any name.
        if not (name.isascii() and name.isalnum()):
            common.fail(
                f"Nothing was deployed: --allow-replace {name!r} is no LOGICAL_ID; expected "
                "letters and digits, without its stack. Each resource is named by itself.",
                2,
            )
    if role and not (adopt and environment.targets):
        common.fail(
            "Nothing was deployed: --role is the role by which a stack set takes in what was "
            "kept; it is for --adopt (ADOPT=1), and for an environment with Targets.",
            2,
        )
    if removed and not environment.targets:
        common.fail(
            "Nothing was deployed: --allow-removal is for targets of a stack set, and "
            f"{environment.name} is one stack.",
            2,
        )
    if not environment.targets and failed not in ("", environment.stack):
        common.fail(
            f"Nothing was deployed: --delete-failed {failed}: {environment.name} has one "
            f"stack, {environment.stack}.",
            2,
        )
    if adopt and environment.targets and environment.targets.service_managed:
        common.fail(
            f"Nothing was changed: {environment.name} is service-managed, so only AWS gets "
            "into its accounts, and nothing there can be adopted."
        )


def _next_steps(
    environment: Environment, target: Target, advice: str, *, differs: bool
) -> Iterator[str]:
    """Yield what is left to do by hand; `differs` if what exists isn't as specified."""
    from liberty_cfn.deploy import secrets

    if differs:
        status = f"make status ENV={environment.name}"
        yield f"{common.fixed_by_hand(environment)}. {status} tells why tasks don't run"
        for each in secrets.listed(environment, target):
            if each.scheduled_for_deletion:
                back = secrets.restoring(target, each.secret)
                yield f"{each.name} is scheduled for deletion; to have it back: {back}"
    if advice:
        yield advice
    for name in secrets.missing(environment, target):
        yield f"{name} has no value: {secrets.setting(environment, name)}"


def _restarted(
    environment: Environment, target: Target, say: Callable[[str], object], *, restart: bool
) -> list[str]:
    """Say, and return, which secrets tasks have an old value of; replace the tasks if asked."""
    from liberty_cfn.deploy import secrets

    outdated = secrets.outdated(environment, target)
    if secrets.DATABASE_PASSWORD in outdated:
        say(
            f"Somebody changed {secrets.DATABASE_PASSWORD} by hand: unless the database was "
            "given the same one (aws rds modify-db-instance), tasks that start now can't reach "
            "it"
        )
    if outdated and restart:
        tasks = secrets.restart(environment, target)
        say(
            f"{', '.join(outdated)} changed since the tasks started: the service replaces them "
            f"({tasks}), which takes some minutes; make status ENV={environment.name} tells "
            "how they come up"
        )
    elif restart:
        say("No secret changed since the tasks started, so none is replaced")
    elif outdated:
        say(
            f"{', '.join(outdated)} changed since the tasks started, which have the old value: "
            f"make deploy ENV={environment.name} RESTART=1 replaces them"
        )
    return outdated
