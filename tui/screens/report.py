"""What a task amounts to: the report, to scroll through, to copy from, to write to files."""

import re
from collections.abc import Sequence

from textual.widget import Widget

from core.paths import path_of
from core.report.blocks import Block, Bullets, Code, Grid, Heading, Words
from core.report.characters import one_line
from core.report.handing_on import REPORT_FORMATS
from core.report.launch import folded_further
from tui import commands
from tui.apart import apart
from tui.dialogs.asking import Ask
from tui.dialogs.picker import Choice, Picker
from tui.keymap import Scope
from tui.run_report import Report, RunReport
from tui.screens.requests import check_new_file
from tui.screens.view import Question, View
from tui.spans import EMPTY, Line, Span, crop, fit, joined, length, line, wrap
from tui.widgets.page import Page
from tui.widgets.table import empty_lines

_GAP = 2
_LEAST_COLUMN = 8
_NOTES = {"txt": "as on this screen", "md": "for a wiki", "html": "with charts, one page",
          "json": "everything, in one document", "csv": "a row for each load level",
          "all": "a folder: every format, charts, files to deploy with"}  # fmt: skip


class ReportView(View):
    """The report of a task."""

    NAME = "report"
    SCOPES = (Scope.REPORT, Scope.PAGE)

    def __init__(self) -> None:
        super().__init__()
        self._reading: RunReport | None = None
        self._answer: Report | None = None
        self._looked = False

    def body(self) -> Sequence[Widget]:
        """Return the page."""
        self._page = Page(self._draw, id="report")
        return [self._page]

    def on_mount(self) -> None:
        """Take the keys."""
        self._page.focus()

    def arrive(self) -> None:
        """Forget the task that was looked at before, if this is another."""
        task = self.autotuner.subject.task
        if self._reading is None or self._reading.task_id != task:
            self._reading = None if task is None else RunReport(task)
            self._answer, self._looked = None, False
            self._page.to_top()
        if self._reading is not None:
            self._reading.wanted = True
            self._looked = self._answer is not None

    def on_screen_suspend(self) -> None:
        """Have nothing made any more that nobody looks at."""
        if self._reading is not None:
            self._reading.wanted = False

    def on_unmount(self) -> None:
        """The same at the end of the app."""
        self.on_screen_suspend()

    def heading(self) -> Line:
        """Return whose report it is."""
        if self._answer is None:
            return line(Span("Report", "title"))
        so_far = "" if self._answer.over else "  so far: the run goes on"
        return line(
            Span(one_line(self._answer.stored.ref), "title"),
            Span(" ▸ ", "muted"),
            Span("report", "title"),
            Span(so_far, "warn"),
        )

    def questions(self) -> Sequence[Question]:
        """Ask for what the whole run teaches."""
        if self._reading is None:
            self._looked = True
            self._page.redraw()
            return ()
        return [Question(self._reading, self._show, "history")]

    def _show(self, answer: Report | None) -> None:
        if answer is not self._answer or not self._looked:
            self._answer, self._looked = answer, True
            self._page.redraw()
            self.retitle()

    def _draw(self, width: int, _: int) -> Sequence[Line]:
        if self._answer is None:
            return _NO_TASK if self._looked else _READING
        return [row for block in self._answer.blocks for row in block_lines(block, width)]

    # Keys

    def action_copy(self) -> None:
        """Copy the recommended launch command."""
        if self._answer is not None and self._answer.command:
            self.autotuner.copy(self._answer.command, "launch command")
        else:
            self.autotuner.say("nothing is recommended yet", "warn")

    def action_export(self) -> None:
        """Ask for a form, then for the file, then write it."""
        answer = self._answer
        if answer is None:
            return
        forms = [Choice(form, form.upper(), _NOTES[form]) for form in (*REPORT_FORMATS, "all")]
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", answer.stored.ref)

        def with_form(form: str | None) -> None:
            if form is None:
                return
            suggested = f"{name}-report" if form == "all" else f"{name}.{form}"
            self.app.push_screen(
                Ask("Write it to", suggested, check=check_new_file),
                lambda path: (
                    self.autotuner.do(
                        apart(commands.write_report, answer.stored.id, form, path_of(path))
                    )
                    if path
                    else None
                ),
            )

        self.app.push_screen(Picker("Write the report as", forms), with_form)


def block_lines(block: Block, width: int) -> list[Line]:
    """Return one part of a report as lines of at most `width` cells."""
    room = max(20, width - 2)
    match block:
        case Heading(level=1):
            return [EMPTY, crop(line(" ", Span(_plain(block.text), "title")), width)]
        case Heading():
            style = "heading" if block.level == 2 else "bold"
            return [EMPTY, crop(line(" ", Span(_plain(block.text), style)), width)]
        case Words():
            return [line(" ", row) for row in wrap(_plain(block.text), room)]
        case Bullets():
            found: list[Line] = []
            for item in block.items:
                first, *others = wrap(_plain(item), room - 2)
                found.append(line(" ", Span("· ", "muted"), first))
                found += [line("   ", row) for row in others]
            return found
        case Code():
            return [
                line("   ", Span(piece, "accent"))
                for row in block.text.splitlines()
                for piece in folded_further(row, room - 2)
            ]
        case Grid():
            return _grid(block, room)


def _grid(grid: Grid, room: int) -> list[Line]:
    """Return a table; the widest column gives way, and its cells are broken into several lines."""
    used = [n for n in range(len(grid.heads)) if any(row[n] for row in grid.rows)]
    rows = [tuple(_plain(row[n]) for n in used) for row in grid.rows]
    heads = tuple(_plain(grid.heads[n]) for n in used)
    widths = [
        max([length(line(head)), *(length(line(row[at])) for row in rows)])
        for at, head in enumerate(heads)
    ]
    while sum(widths) + _GAP * (len(widths) - 1) > room and max(widths) > _LEAST_COLUMN:
        widths[widths.index(max(widths))] -= 1
    drawn = _row(heads, widths, "heading") if any(heads) else []
    for row in rows:
        drawn += _row(row, widths, "")
    return [crop(line(" ", row), room + 2) for row in drawn]


def _row(cells: Sequence[str], widths: Sequence[int], style: str) -> list[Line]:
    columns = [wrap(cell, width, style) for cell, width in zip(cells, widths, strict=True)]
    rows: list[Line] = []
    for at in range(max(map(len, columns))):
        parts = [
            fit(column[at] if at < len(column) else EMPTY, width)
            for column, width in zip(columns, widths, strict=True)
        ]
        rows.append(joined(parts, " " * _GAP))
    return rows


def _plain(text: str) -> str:
    return one_line(text).replace("`", "")


_NO_TASK = empty_lines(
    "No report yet.",
    "It says what to deploy, why experiments failed, and which flags matter.",
    "1 shows all tasks; Enter opens one, and 8 comes back here.",
)
_READING = [EMPTY, line("  ", Span("Reading the whole run …", "muted"))]
