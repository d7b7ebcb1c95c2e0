"""The report in the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, ConsoleOptions, RenderResult
from rich.padding import Padding
from rich.text import Text

from liberty_cfn.verify.facts import TOTAL, Check, Fact, Report, Row, words


def as_table(report: Report, *, everything: bool = False) -> Table:
    """Return a report for rich to print: what is wrong, or every fact."""
    return Table(report, everything=everything)


class Table:
    """A report that rich can print."""

    def __init__(self, report: Report, *, everything: bool) -> None:
        self.report = report
        self.everything = everything

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        marks = ("✓", "✗") if options.encoding.startswith("utf") else ("ok", "NO")
        yield from _Lines(self.report, marks, everything=self.everything).all()


class _Lines:
    def __init__(self, report: Report, marks: tuple[str, str], *, everything: bool) -> None:
        self.report = report
        self.marks = marks
        self.everything = everything
        self.width = max((len(row.name) for row in report.rows), default=0)

    def all(self) -> Iterator[Text | Padding]:
        report = self.report
        where = f"in {report.region}, account {report.account}"
        yield Text.assemble((report.environment, "bold"), f": what exists {where}")
        for category in report.categories:
            yield Text()
            yield self._heading(
                category.name, category.found, category.expected, ok=category.ok
            )
            for row in category.rows:
                yield from self._item(row, row.thing)
        yield Text()
        checked = sum(check.ok for check in report.checks)
        yield self._heading(
            "Checks", checked, len(report.checks), ok=checked == len(report.checks)
        )
        for check in report.checks:
            yield from self._item(check, ", ".join(dict.fromkeys(check.calls)))
        yield Text()
        yield self._heading("Resources", report.found, TOTAL, ok=report.ok)

    def _heading(self, name: str, found: int, expected: int, *, ok: bool) -> Text:
        style = "green" if ok else "red"
        return Text.assemble((name, "bold"), "  ", (f"{found}/{expected}", style))

    def _item(self, item: Row | Check, thing: str) -> Iterator[Text | Padding]:
        name = f"{item.number:>2} {item.name:<{self.width}}  "
        line = Text.assemble(self._mark(ok=item.ok), " ", name, (thing, "dim"))
        yield Padding(line, (0, 0, 0, 2))
        for fact in item.facts if self.everything else item.wrong:
            yield Padding(self._fact(fact), (0, 0, 0, 8))

    def _fact(self, fact: Fact) -> Text:
        about = f"{fact.part}: {fact.what}" if fact.part else fact.what
        expected, found = words(fact.expected), words(fact.found)
        if fact.ok and expected == found:
            return Text.assemble(self._mark(ok=True), f" {about}: {found}")
        style = "green" if fact.ok else "red"
        told = Text.assemble(f" {about}: expected {expected}, found ", (found, style))
        return Text.assemble(self._mark(ok=fact.ok), told)

    def _mark(self, *, ok: bool) -> Text:
        yes, no = self.marks
        return Text(yes, "green") if ok else Text(no, "bold red")
