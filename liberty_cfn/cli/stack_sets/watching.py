"""An operation on a set, watched at the terminal, with the questions that it asks."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from liberty_cfn.cli.asking import agrees, confirmed_removal, confirmed_unseen, may_deploy
from liberty_cfn.cli.common import interruptible

if TYPE_CHECKING:
    from rich.console import Console

    from liberty_cfn.deploy.stack_sets.previews import SetPlan
    from liberty_cfn.deploy.stack_sets.reaching import Fleet
    from liberty_cfn.deploy.stack_sets.showing import Board
    from liberty_cfn.deploy.stack_sets.wanted import Differences
    from liberty_cfn.deployment_targets import Place


@contextmanager
def watched(
    fleet: Fleet,
    screen: Console,
    command: str,
    *,
    yes: bool = False,
    confirm: str | None = None,
    removed: Collection[str] = (),
) -> Iterator[Asked]:
    """Show what happens in a command, and ask; on Ctrl-C, say that AWS goes on.

    `yes`, `confirm` and `removed` are what was said beforehand: a yes, the environment's name,
    and those of targets that may go.
    """
    from liberty_cfn.deploy.stack_sets.showing import Board

    board = Board(screen)
    with interruptible(fleet.environment, command, board.stop):
        yield Asked(fleet, screen, board, yes=yes, confirm=confirm, removed=removed)


class Asked:
    """A board that also asks for consent: before a deploy, and after its canary."""

    def __init__(
        self,
        fleet: Fleet,
        screen: Console,
        board: Board,
        *,
        yes: bool,
        confirm: str | None,
        removed: Collection[str] = (),
    ) -> None:
        self._fleet, self._screen = fleet, screen
        self.say, self.looked, self.happened = board.say, board.looked, board.happened
        self.stop = board.stop
        self._yes, self._confirm, self._removed = yes, confirm, removed
        self._local, self._unseen = fleet.environment.is_local, ""

    def planned(self, plan: SetPlan) -> None:
        from liberty_cfn.deploy.stack_sets.showing import plan_table

        self._screen.print(plan_table(plan, self._fleet.targets))
        known = (*plan.plans, *plan.differences.new)
        touched = plan.differences.touched(self._fleet.targets)
        self._unseen = ", ".join(str(place) for place in touched if place not in known)

    def consents(self, different: Differences) -> bool:
        environment, confirm = self._fleet.environment, self._confirm
        for name in self._removed:
            if not any(name in place.names for place in different.gone):
                self.say(f"--allow-removal {name}: no target of that name goes")
        unnamed = [p for p in different.gone if not {*p.names} & {*self._removed}]
        unseen, unnamed = ("", []) if self._local else (self._unseen, unnamed)
        if unnamed:
            confirmed_removal(environment, unnamed)
        if unseen:
            confirmed_unseen(environment, confirm, unseen)
        return bool(unseen or unnamed) or may_deploy(environment, confirm, yes=self._yes)

    def goes_on(self, canary: Place) -> bool:
        from liberty_cfn.deploy.errors import UnreachableError
        from liberty_cfn.deploy.stack_sets.comparing import verified_at
        from liberty_cfn.verify.table import as_table

        self.stop()
        if self._fleet.targets.service_managed:
            self._screen.print(f"{canary} is done; it can't be verified from here")
            return self._agrees()
        try:
            report, _ = verified_at(self._fleet, canary)
        except UnreachableError as error:
            self._screen.print(f"{canary} can't be verified: {error}")
            return False
        if not report.ok:
            self._screen.print(as_table(report))
            self._screen.print(f"{canary} is not as the spec says: see above.")
            return False
        rows = f"{report.found} resources and {len(report.checks)} checks"
        self._screen.print(f"{canary}: {rows} are as the spec says")
        return self._agrees()

    def _agrees(self) -> bool:
        named = self._confirm == self._fleet.environment.name
        return self._local or self._yes or named or agrees("Go on with the other targets?")
