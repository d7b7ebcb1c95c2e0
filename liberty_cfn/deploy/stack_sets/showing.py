"""Tables of what would happen to a stack set, happens, and has happened."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from threading import Lock
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from liberty_cfn.deploy.adopting import EMPTY
from liberty_cfn.deploy.destroying import as_json as kept_as_json
from liberty_cfn.deploy.live import moves, seconds, start
from liberty_cfn.deploy.patience import Speaker
from liberty_cfn.deploy.plans import Plan
from liberty_cfn.deploy.plans import as_json as plan_as_json
from liberty_cfn.deploy.showing import change_tree, kept_text, plan_markdown, titled
from liberty_cfn.deploy.stack_sets.beforehand import as_lines
from liberty_cfn.deploy.stack_sets.operations import Result
from liberty_cfn.deploy.stack_sets.previews import Part, SetPlan, merge
from liberty_cfn.deploy.stack_sets.standing import Instance
from liberty_cfn.deployment_targets import Place, Targets, by_place
from liberty_cfn.markdown import escaped
from liberty_cfn.verify import Report

COLOURS = {
    **dict.fromkeys(("SUCCEEDED", "CURRENT", "IN_SYNC"), "green"),
    **dict.fromkeys(("RUNNING", "OUTDATED", "CANCELLED"), "yellow"),
    **dict.fromkeys(("FAILED", "INOPERABLE", "DRIFTED"), "bold red"),
}
OF_THE_ROOT = "ResourceLogicalId:"
SECRETS = (
    "Secrets can't be imported: they are deleted, made again by the stack, and given their "
    "values back, which wait in other secrets meanwhile (liberty-social/kept/...)."
)
# So many targets are named one by one.
NAMED = 4


def summary(plan: SetPlan, targets: Targets) -> str:
    different = plan.differences
    counts = {
        "new": len(different.new),
        "to change": len(plan.changing),
        "to go": len(different.gone),
        "not as the set says": len(set(different.outdated) - plan.changing.keys()),
        "INOPERABLE": len(different.inoperable),
        "not to be looked into": len(plan.unknown),
    }
    told = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    if different.definition and not told:
        told = "no resource changes, but the templates, tags or options of the set do"
    count = len(targets.places)
    return f"{plan.name}, {count} target{'s' * (count != 1)}: {told or 'no changes'}"


def plan_table(plan: SetPlan, targets: Targets) -> RenderableType:
    """Return what would change: what all targets share once, then what is specific."""
    different = plan.differences
    shown: list[RenderableType] = []
    for part in merge(plan.changing):
        one = _as_plan(plan, part, _whose(part.places, plan))
        shown.append(change_tree(one))
        # Of settings or notes alone, none is counted.
        shown += [Text(one.summary, style="bold")] if part.changes else []
    if different.new:
        shown.append(_new(plan))
    for place, findings in plan.adopted.items():
        shown.append(Text(f"{place} takes in:", style="bold"))
        shown += [Text(f"  {line}") for line in as_lines(findings)]
    if plan.adopted:
        shown += [Text(SECRETS), Text(EMPTY)]
    for place in different.gone:
        shown.append(Text(f"{place} goes; of its stacks:", style="bold red"))
        shown += filter(None, [kept_text(plan.kept.get(place, ()))])
    unknown = [f"{p} can't be looked into: {why}" for p, why in plan.unknown.items()]
    unknown += [f"{place} is INOPERABLE, and left out" for place in different.inoperable]
    shown += [Text(line, style="bold red") for line in unknown]
    if touched := different.touched(targets):
        shown.append(Text(how(targets, touched)))
    of_all = Text(summary(plan, targets), style="bold")
    return Group(*shown, of_all, f"Templates {plan.digest}")


def how(targets: Targets, touched: Sequence[Place]) -> str:
    """Return, in words, the order of the operations, and how many run at once, and may fail."""
    asked = targets.preferences
    accounts = max(
        (sum(place.region == r for place in targets.places) for r in targets.regions), default=0
    )
    at_once = targets.concurrency(accounts)
    tolerance = asked.get("FailureToleranceCount")
    may_fail = f"{asked['FailureTolerancePercentage']} %" if tolerance is None else tolerance
    between = " and " if asked["RegionConcurrencyType"] == "PARALLEL" else ", then "
    most = asked.get("MaxConcurrentCount", accounts)
    strict = asked.get("ConcurrencyMode") != "SOFT_FAILURE_TOLERANCE"
    capped = strict and "MaxConcurrentCount" in asked and at_once < min(most, accounts)
    why = f" (not {most}: strictly, no more than may fail, and one)" if capped else ""
    count = "1 account" if at_once == 1 else f"{at_once} accounts"
    regions = dict.fromkeys(place.region for place in touched[1:])
    order = [region for region in asked["RegionOrder"] if region in regions]
    then = f"; then {between.join(order)}" if order else ""
    rest = f"{then}; {count} at once{why}; {may_fail} may fail in a region."
    return f"{touched[0]} first{rest}"


def set_markdown(plan: SetPlan, targets: Targets) -> str:
    lines = [f"## {summary(plan, targets)}", ""]
    for part in merge(plan.changing):
        lines += [f"**{_whose(part.places, plan)}**", ""]
        lines.append(plan_markdown(_as_plan(plan, part, plan.name)))
    lines += [f"- new: {place}" for place in plan.differences.new]
    lines += [f"- goes: {place}" for place in plan.differences.gone]
    lines += [f"- can't be looked into: {p}: {escaped(why)}" for p, why in plan.unknown.items()]
    return "\n".join(lines) + "\n"


def set_as_json(plan: SetPlan, targets: Targets) -> dict[str, Any]:
    different = plan.differences
    kinds = {
        **dict.fromkeys(plan.plans, "none"),
        **dict.fromkeys(plan.changing, "change"),
        **dict.fromkeys(different.new, "create"),
        **dict.fromkeys(different.gone, "delete"),
    }
    return {
        "stack_set": plan.name,
        "digest": plan.digest,
        "summary": summary(plan, targets),
        "exit_code": plan.code,
        "definition_changes": different.definition,
        "shared": [
            {
                "targets": [place.as_json() for place in part.places],
                "changes": plan_as_json(_as_plan(plan, part, ""))["changes"],
                "parameters": {n: {"before": b, "after": a} for n, b, a in part.parameters},
                "notes": list(part.notes),
            }
            for part in merge(plan.changing)
        ],
        "targets": [
            {
                **place.as_json(),
                "action": kinds[place],
                "outdated": place in different.outdated,
                "overrides_change": place in different.changed,
                **kept_as_json(plan.kept.get(place, ())),
                **plan_as_json(one),
            }
            for place, one in plan.plans.items()
        ],
        "unknown": by_place(plan.unknown),
        "inoperable": [place.as_json() for place in different.inoperable],
    }


def standing_table(
    instances: Iterable[Instance], reasons: Mapping[Place, Sequence[str]]
) -> Table:
    """Return the state of every target; `reasons` are those that are known first-hand."""
    table = titled("Target", "Status", "Last", "Drift", "Reason")
    for one in instances:
        cells = (one.status, one.detailed, one.drift)
        styled = (Text(cell, style=COLOURS.get(cell, "")) for cell in cells)
        why = "; ".join(reasons.get(one.place, ())) or one.reason
        table.add_row(str(one.place), *styled, why)
    return table


def verified_table(reports: Mapping[Place, Report], unknown: Mapping[Place, str]) -> Table:
    """Return how many of the spec's rows and checks every target has."""
    table = titled("Target", "Resources", "Checks", "Wrong")
    for place, report in reports.items():
        checks = sum(check.ok for check in report.checks)
        wrong = [row.name for row in report.rows if not row.ok]
        wrong += [check.name for check in report.checks if not check.ok]
        style = "green" if report.ok else "bold red"
        rows = Text(f"{report.found}/{len(report.rows)}", style=style)
        said = f"{checks}/{len(report.checks)}"
        table.add_row(str(place), rows, Text(said, style=style), ", ".join(wrong))
    for place, why in unknown.items():
        table.add_row(str(place), "?", "?", Text(why, style="bold red"))
    return table


class Board:
    """Shows what becomes of every target: a live table on a terminal, lines elsewhere.

    Lines say now and then what is under way, as CI systems end jobs that are silent for long.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console, self._clock = console, clock
        self._speaker = Speaker(partial(console.print, soft_wrap=True), clock)
        self.say = self._speaker.say
        self._moves = moves(console)
        self._results: dict[Place, Result] = {}
        self._told: dict[Place, float] = {}  # when each result was
        self._live: Live | None = None
        self._lock = Lock()  # operations that run side by side tell it in threads of their own
        self._looked = 0

    def looked(self, done: int, of: int) -> None:
        """Show how far looking has come: every step on a terminal, every tenth elsewhere."""
        if self._moves:
            end = "\n" if done == of else "\r"
            self._console.print(f"looked into {done} of {of} targets", end=end)
        elif of > NAMED and done * 10 // of > self._looked:
            self._looked = done * 10 // of
            self.say(f"looked into {done} of {of} targets")

    def happened(self, results: list[Result]) -> None:
        with self._lock:
            self._told |= {result.place: self._clock() for result in results}
            # Another dictionary, as the one before may be drawn at this moment.
            self._results = self._results | {result.place: result for result in results}
            if not self._moves:
                self._tell(results)
            elif results and self._live is None:
                self._live = Live(
                    console=self._console, refresh_per_second=4, get_renderable=self._drawn
                )
                start(self._live)

    def _tell(self, results: list[Result]) -> None:
        for result in results:
            if result.status != "PENDING":
                self.say("  ".join(_cells(result)).rstrip())
        running = [p for p, result in self._results.items() if result.status == "RUNNING"]
        if running and self._speaker.is_due:
            self.say(f"still under way: {_listed(running)}")

    def stop(self) -> None:
        """Leave the table as it is now; the next one starts empty."""
        if self._live:
            self._live.stop()
            self._live = None
        self._results = {}

    def _drawn(self) -> Table:
        table = titled("Target", "Status", "Took", "Reason")
        # What doesn't fit is cut off at the end: what waits, and then what is done.
        idle = {"PENDING": 1, "SUCCEEDED": 2}
        for result in sorted(self._results.values(), key=lambda one: idle.get(one.status, 0)):
            place, status, took, reason = _cells(result)
            if result.status == "RUNNING":
                took = seconds(timedelta(seconds=self._clock() - self._told[result.place]))
            table.add_row(
                place, Text(status.strip(), COLOURS.get(result.status, "")), took, reason
            )
        return table


def _cells(result: Result) -> Iterator[str]:
    yield str(result.place)
    yield f"{result.status:<9}"
    yield seconds(result.took) if result.took is not None else ""
    # Which of the root's resources failed; why it did is told at the end, first-hand.
    yield "" if result.reason.startswith(OF_THE_ROOT) else result.reason


def _as_plan(plan: SetPlan, part: Part, name: str) -> Plan:
    parameters = {n: (before, after) for n, before, after in part.parameters}
    return Plan(name, plan.digest, part.changes, parameters, notes=part.notes)


def _whose(places: tuple[Place, ...], plan: SetPlan) -> str:
    if len(places) == len(plan.plans) > 1:
        return f"All {len(places)} targets"
    named = _listed(places)
    return named if len(places) > 1 else f"Only {named}"


def _listed(places: Sequence[Place]) -> str:
    """Return the first places by name, and how many more there are."""
    named = ", ".join(map(str, places[:NAMED]))
    return f"{named} and {len(places) - NAMED} more" if len(places) > NAMED else named


def _new(plan: SetPlan) -> RenderableType:
    table = titled("New target", "Resources", "Settings of its own")
    for place in plan.differences.new:
        if place not in plan.plans:
            continue
        one = plan.plans[place]
        kinds = Counter(change.action for change in one.resources)
        own = ", ".join(f"{k}={after or repr('')}" for k, (_, after) in one.parameters.items())
        table.add_row(str(place), f"{kinds['Add']} to add", own)
    return table
