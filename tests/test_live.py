"""What people see while a deploy goes along."""

import dataclasses
import io
import threading
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console
from rich.live import Live

from liberty_cfn.deploy.changes import Change, Replacement
from liberty_cfn.deploy.events import Event
from liberty_cfn.deploy.live import LiveTree
from liberty_cfn.deploy.plans import Plan
from liberty_cfn.deploy.stack import NESTED_STACK
from liberty_cfn.deploy.stack_sets import showing
from liberty_cfn.deploy.stack_sets.operations import Result
from liberty_cfn.deploy.stack_sets.showing import Board
from liberty_cfn.deploy.telling import ShownProgress
from liberty_cfn.deployment_targets import Place

START = datetime(2026, 1, 1, tzinfo=UTC)
DATABASE, TOPIC = "AWS::RDS::DBInstance", "AWS::SNS::Topic"
NESTED = Change((), "Data", NESTED_STACK, "Add", Replacement.NO)
CHANGES = (
    NESTED,
    Change(("Data",), "Database", DATABASE, "Add", Replacement.NO),
    Change(("Data",), "Topic", TOPIC, "Add", Replacement.NO),
)


def at(number):
    return START + timedelta(seconds=number)


def event(number, resource, type_, status, stack=("Data",), *, took=None, reason=""):
    ended = timedelta(seconds=took) if took is not None else None
    return Event(
        id=str(number),
        time=at(number),
        stack=stack,
        resource=resource,
        type=type_,
        status=status,
        reason=reason,
        physical_id="x",
        is_stack=False,
        took=ended,
    )


BEGUN = [
    event(0, "Data", NESTED_STACK, "CREATE_IN_PROGRESS", ()),
    event(1, "Topic", TOPIC, "CREATE_IN_PROGRESS"),
    event(2, "Topic", TOPIC, "CREATE_COMPLETE", took=1),
    event(3, "Database", DATABASE, "CREATE_IN_PROGRESS"),
    event(5, "Database", DATABASE, "CREATE_IN_PROGRESS", reason="Initiated"),
]


def drawn(events, now, changes=CHANGES):
    """Return what the tree shows at a moment, as lines."""
    paper = Console(file=io.StringIO(), width=120, force_terminal=False)
    tree = LiveTree(paper, changes, clock=lambda: at(now))
    tree.grow(events)
    tree.stop()
    paper.file.truncate(0)
    paper.file.seek(0)
    paper.print(tree.drawn())
    return [" ".join(line.split()) for line in paper.file.getvalue().splitlines()]


def test_the_tree_has_every_stack_and_what_it_is_at_with_durations_and_estimates():
    bar, stack, database = drawn(BEGUN, now=123)
    assert bar.endswith("1 of 2 resources, 2 min 3 s, at least 7 min 55 s more")
    assert stack.endswith("Data create in progress 1 of 2 2 min 3 s")
    assert database.endswith("Database create in progress 2 min 0 s of about 9 min 55 s")


def test_what_had_not_begun_when_all_is_undone_takes_no_more_time():
    undone = event(60, "root", NESTED_STACK, "ROLLBACK_IN_PROGRESS", ())
    bar, *_ = drawn([*BEGUN[:2], dataclasses.replace(undone, is_stack=True)], now=61)
    assert bar.endswith("0 of 2 resources, 1 min 1 s")


def test_what_is_done_is_folded_and_what_failed_is_told():
    failed = event(60, "Database", DATABASE, "CREATE_FAILED", took=57, reason="too big")
    bar, stack, database = drawn([*BEGUN, failed], now=61)
    assert bar.endswith("2 of 2 resources, 1 min 1 s")
    assert database.endswith("Database create failed 57 s too big")
    assert "2 of 2" in stack


def test_on_a_low_terminal_what_is_done_gives_way_to_what_is_at_work_until_all_is_over():
    paper = Console(file=io.StringIO(), width=80, height=3, force_terminal=True)
    tree = LiveTree(paper, CHANGES, clock=lambda: at(100))
    ended = event(2, "Before", NESTED_STACK, "CREATE_COMPLETE", (), took=1)
    tree.grow([ended, *BEGUN])
    moving = paper.render_lines(tree.drawn())
    assert [line[0].text for line in moving[1:]] == ["Data  ", "└── "]
    tree.stop()
    assert len(paper.render_lines(tree.drawn())) == 4


def test_on_a_narrow_terminal_what_is_wrapped_takes_its_lines():
    paper = Console(file=io.StringIO(), width=40, height=7, force_terminal=True)
    tree = LiveTree(paper, CHANGES, clock=lambda: at(100))
    tree.grow([event(2, "Before", NESTED_STACK, "CREATE_COMPLETE", (), took=1), *BEGUN])
    moving = paper.render_lines(tree.drawn())
    tree.stop()
    assert len(moving) == 7
    assert len(paper.render_lines(tree.drawn())) == 8


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (LiveTree, lambda tree: tree.grow(BEGUN)),
        (Board, lambda board: board.happened([Result(Place("1", "x"), "RUNNING", "")])),
    ],
)
def test_who_stops_or_kills_what_moves_has_a_cursor(monkeypatch, made, told):
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    paper = Console(file=io.StringIO(), force_terminal=True)
    moving = made(paper)
    told(moving)
    shown = paper.file.getvalue()
    moving.stop()
    assert shown.rfind("\x1b[?25h") > shown.rfind("\x1b[?25l") > -1


def test_of_many_targets_those_at_work_and_those_that_failed_stand_first():
    paper = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    board = Board(paper)
    done = ("SUCCEEDED", "PENDING", "RUNNING", "FAILED")
    board.happened([Result(Place(str(n), "x"), status, "") for n, status in enumerate(done)])
    board.stop()
    shown = [word for word in paper.file.getvalue().split() if word in done]
    assert shown[-4:] == ["RUNNING", "FAILED", "PENDING", "SUCCEEDED"]


def test_a_target_is_said_to_be_at_work_for_how_long():
    now = [0.0]
    paper = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    board = Board(paper, clock=lambda: now[0])
    board.happened([Result(Place("1", "x"), "PENDING", "")])
    now[0] = 5
    board.happened([Result(Place("1", "x"), "RUNNING", "")])
    now[0] = 130
    board.stop()
    assert "1/x     RUNNING  2 min 5 s" in paper.file.getvalue()


def test_targets_that_are_told_of_at_once_stand_in_one_table(monkeypatch):
    board = Board(Console(file=io.StringIO(), force_terminal=True))
    begun = [Result(Place("1", "x"), "RUNNING", "")]
    second, made = threading.Thread(target=board.happened, args=(begun,)), []

    def slowly(**how):
        made.append(Live(**how))
        if len(made) == 1:
            second.start()
            second.join(0.1)
        return made[-1]

    monkeypatch.setattr(showing, "Live", slowly)
    board.happened(begun)
    second.join()
    board.stop()
    assert len(made) == 1


def test_a_target_that_is_told_of_while_others_are_looked_through_waits():
    board, asked = Board(Console(file=io.StringIO())), []
    other = [Result(Place("2", "x"), "PENDING", "")]
    second = threading.Thread(target=board.happened, args=(other,))

    class Looked:
        place = Place("1", "x")

        @property
        def status(self):
            asked.append(self)
            if len(asked) == 2:
                second.start()
                second.join(0.1)
            return "PENDING"

    board.happened([Looked()])
    second.join()
    assert len(asked) > 2


def test_what_was_not_begun_takes_its_time_too():
    assert "at least 9 min 55 s more" in drawn(BEGUN[:3], now=5)[0]


@pytest.mark.parametrize(
    ("action", "replacement", "left"),
    [
        ("Modify", Replacement.CERTAIN, ", at least 9 min 55 s more"),
        ("Modify", Replacement.NO, ", at least 2 min 51 s more"),
        ("Remove", Replacement.NO, ""),
    ],
)
def test_what_is_made_anew_takes_as_long_as_what_is_added(action, replacement, left):
    change = dataclasses.replace(CHANGES[1], action=action, replacement=replacement)
    bar, *_ = drawn(BEGUN[:1], now=5, changes=(NESTED, change))
    assert bar.endswith(f"0 of 1 resources, 5.0 s{left}")


def test_a_clock_that_is_behind_aws_s_counts_nothing_backwards():
    assert drawn(BEGUN, now=-60)[2].endswith("0.0 s of about 9 min 55 s")


def test_without_a_plan_what_happens_is_what_is_counted():
    assert "1 of 2 resources" in drawn(BEGUN, now=10, changes=())[0]


def test_where_the_plan_knows_stacks_only_stacks_are_counted():
    assert "0 of 1 stacks" in drawn(BEGUN, now=10, changes=(NESTED,))[0]


@pytest.mark.parametrize(
    ("terminal", "term", "ci"),
    [(False, "xterm", ""), (True, "xterm", "true"), (True, "dumb", "")],
)
def test_where_nothing_can_move_there_are_plain_lines_that_can_be_searched(
    monkeypatch, terminal, term, ci
):
    monkeypatch.setenv("CI", ci)
    monkeypatch.setenv("TERM", term)
    paper = Console(file=io.StringIO(), width=200, force_terminal=terminal, highlight=False)
    progress = ShownProgress(paper, lambda: True)
    progress.planned(Plan("stack", "0" * 64, (), {}))
    own = event(9, "x-Data-1", NESTED_STACK, "CREATE_COMPLETE")
    # Its parent says the same of it.
    progress.happened([*BEGUN, dataclasses.replace(own, is_stack=True)])
    progress.stop()
    shown = paper.file.getvalue().splitlines()[-1]
    assert shown == "00:00:02  CREATE_COMPLETE           Data/Topic  AWS::SNS::Topic  1.0 s"
    board = Board(paper)
    board.happened([Result(Place("1", "eu-west-1"), "RUNNING", "")])
    board.stop()
    assert paper.file.getvalue().splitlines()[-1] == "1/eu-west-1  RUNNING"


def test_lines_say_now_and_then_what_is_under_way():
    now = [at(10)]
    paper = Console(file=io.StringIO(), width=200, force_terminal=False)
    progress = ShownProgress(paper, clock=lambda: now[0])

    def after(number, *events):
        now[0] = at(number)
        progress.happened(list(events))
        return paper.file.getvalue().splitlines()[-1:]

    assert not after(10, *BEGUN[:1], *BEGUN[3:])
    assert not after(129)
    told = "00:02:10  still under way           Data/Database (2 min 7 s)"
    assert after(130) == [told]
    assert after(249) == [told]  # once in so long
    assert after(250)[0].endswith("Data/Database (4 min 7 s)")
    ended = event(300, "Database", DATABASE, "CREATE_COMPLETE", took=297)
    end = after(300, ended)
    assert after(600) == end


def test_lines_say_now_and_then_in_which_targets_a_set_is_under_way():
    now = [0.0]
    paper = Console(file=io.StringIO(), width=200, force_terminal=False)
    board = Board(paper, clock=lambda: now[0])

    def after(number, *results):
        now[0] = number
        board.happened(list(results))
        return paper.file.getvalue().splitlines()[-1]

    one, other = Place("1", "eu-west-1"), Place("2", "eu-west-1")
    after(0, Result(one, "SUCCEEDED", ""))
    begun = after(0, Result(other, "RUNNING", ""))
    assert after(119) == begun
    assert after(120) == "still under way: 2/eu-west-1"
    end = after(121, Result(other, "SUCCEEDED", ""))
    assert after(600) == end


def test_on_a_terminal_what_somebody_else_began_has_its_tree_too(monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    paper = Console(file=io.StringIO(), width=200, force_terminal=True)
    progress = ShownProgress(paper, lambda: True)
    progress.happened(BEGUN)
    progress.stop()
    assert "1 of 2 resources" in paper.file.getvalue()


def test_a_tree_that_ends_is_followed_by_how_it_ended_and_the_next_has_its_own(monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    paper = Console(file=io.StringIO(), width=200, force_terminal=True, color_system=None)
    progress = ShownProgress(paper, lambda: True)
    end = event(9, "liberty-social-dev", NESTED_STACK, "CREATE_COMPLETE", (), took=9)
    progress.happened([*BEGUN, dataclasses.replace(end, is_stack=True)])
    shown = paper.file.getvalue().splitlines()[-1]
    assert shown.endswith(
        f"CREATE_COMPLETE           liberty-social-dev  {NESTED_STACK}  9.0 s"
    )
    progress.happened([])
    assert paper.file.getvalue().splitlines()[-1] == shown
    progress.happened(BEGUN[:2])
    progress.stop()
    assert "0 of 1 resources" in paper.file.getvalue()
