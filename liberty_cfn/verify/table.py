"""The report in the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from liberty_cfn.verify.facts import TOTAL, Check, Fact, Report, Row, words

# What is left of a line that is indented, at the least.
MIN_WIDTH = 20


def as_table(report: Report, *, everything: bool = False) -> Table:
    """Return a report for rich to print: what is wrong, or every fact."""
    return Table(report, everything=everything)


class Table:
    """A report that rich can print."""

    def __init__(self, report: Report, *, everything: bool) -> None:
        self.report = report
        self.everything = everything
        self.width = max((len(row.name) for row in report.rows), default=0)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        # Not every terminal can show the marks.
        yes, no = ("✓", "✗") if options.encoding.startswith("utf") else ("ok", "NO")
        marks = {True: Text(yes, "green"), False: Text(no, "bold red")}
        for indent, ok, text in self._lines():
            line = text if ok is None else Text.assemble(marks[ok], " ", text)
            wide = max(options.max_width - indent, MIN_WIDTH)
            for piece in line.wrap(console, wide):
                yield Text.assemble(" " * indent, piece)

    def _lines(self) -> Iterator[tuple[int, bool | None, Text]]:
        """Yield each line: how far it is indented, whether it is marked and how, its text."""
        report = self.report
        where = f"in {report.region}, account {report.account}"
        yield 0, None, Text.assemble((report.environment, "bold"), f": what exists {where}")
        for category in report.categories:
            yield 0, None, Text()
            yield 0, None, _heading(category.name, category.found, category.expected)
            for row in category.rows:
                yield from self._item(row, row.thing)
        checked = sum(check.ok for check in report.checks)
        yield 0, None, Text()
        yield 0, None, _heading("Checks", checked, len(report.checks))
        for check in report.checks:
            yield from self._item(check, ", ".join(dict.fromkeys(check.calls)))
        yield 0, None, Text()
        yield 0, None, _heading("Resources", report.found, TOTAL)

    def _item(self, item: Row | Check, thing: str) -> Iterator[tuple[int, bool | None, Text]]:
        name = f"{item.number:>2} {item.name:<{self.width}}  "
        yield 2, item.ok, Text.assemble(name, (thing, "dim"))
        for fact in item.facts if self.everything else item.wrong:
            yield 8, fact.ok, _told(fact)


def _heading(name: str, found: int, expected: int) -> Text:
    style = "green" if found == expected else "red"
    return Text.assemble((name, "bold"), "  ", (f"{found}/{expected}", style))


def _told(fact: Fact) -> Text:
    about = f"{fact.part}: {fact.what}" if fact.part else fact.what
    expected, found = words(fact.expected), words(fact.found)
    if fact.ok and expected == found:
        return Text(f"{about}: {found}")
    style = "green" if fact.ok else "red"
    return Text.assemble(f"{about}: expected {expected}, found ", (found, style))
