"""The log of an experiment's server, or of the task's runner: follow it, search it, find the error.

However long it is, only the lines around the cursor are read, beside the screens' own path.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from textual.widget import Widget

from core.errors import HostError
from core.report.characters import one_line
from core.store import Viewer
from tui import commands
from tui.dialogs.asking import Ask
from tui.experiment.answer import ExperimentAnswer, read_experiment
from tui.keymap import Scope
from tui.log_file import (
    ERRORS,
    LogWindow,
    Sought,
    find_next,
    find_previous,
    read_around,
    read_end,
    text,
    words_of,
)
from tui.screens.view import Question, View
from tui.spans import Line, Span, joined, line
from tui.widgets.log_pane import LogPane
from tui.widgets.table import empty_lines

_AROUND = 3
"""Screens of lines that are read before and after the cursor."""


@dataclass(frozen=True)
class _Read:
    window: LogWindow | None
    problem: str = ""
    place: int | None = None
    """Where the cursor shall go."""
    at_end: bool = False
    said: str = ""


@dataclass(frozen=True)
class _Search:
    sought: Sought
    direction: Literal["next", "previous", "first"]
    what: str


class LogView(View):
    """A log."""

    NAME = "log"
    SCOPES = (Scope.LOG, Scope.PAGE)

    def __init__(self) -> None:
        super().__init__()
        self._answer: ExperimentAnswer | None = None
        self._of_runner = False
        self._path: Path | None = None
        self._following = True
        self._read: Callable[[object], Awaitable[_Read]] | None = None
        self._window: LogWindow | None = None
        self._problem = ""
        self._text = ""
        """What was searched for last."""

    def body(self) -> Sequence[Widget]:
        """Return the lines."""
        self._pane = LogPane(id="log")
        return [self._pane]

    def on_mount(self) -> None:
        """Take the keys."""
        self._pane.focus()

    def arrive(self) -> None:
        """Begin at the end of the log, if it is another than before."""
        subject, answer = self.autotuner.subject, self._answer
        shown = None if answer is None else (answer.stored.id, answer.experiment.number)
        if shown != (subject.task, subject.experiment):
            self._answer = None
            self._open(None)

    def heading(self) -> Line:
        """Return whose log it is, and where in it one is."""
        answer = self._answer
        if answer is None:
            return line(Span("Log", "title"))
        whose = "runner" if self._of_runner else f"server of experiment {answer.experiment.number}"
        size = self._window.size if self._window is not None else 0
        parts = [
            line(Span(one_line(answer.stored.ref), "title"), Span(" ▸ ", "muted"),
                 Span(f"log of the {whose}", "title")),
            line(Span(f"{_bytes(size)}, {self._pane.share:.0%}" if size else "", "muted")),
            line(Span("following" if self._following else "", "accent")),
            line(Span(f"/{self._text}" if self._text else "", "accent")),
        ]  # fmt: skip
        return joined(parts, "  ")

    def questions(self) -> Sequence[Question]:
        """Ask whose log it is, and for the lines around the cursor."""
        subject = self.autotuner.subject
        if subject.task is None:
            self._pane.empty = _NO_EXPERIMENT
            self._pane.redraw()
            return ()
        task_id, number = subject.task, subject.experiment

        async def whose(viewer: Viewer) -> ExperimentAnswer | None:
            return await read_experiment(viewer, task_id, number, 0, with_requests=False)

        questions: list[Question] = [Question(whose, self._show_whose)]
        if self._read is not None:
            questions.append(Question(self._read, self._show_lines, "files"))
        return questions

    def _show_whose(self, answer: ExperimentAnswer | None) -> None:
        self._answer = answer
        if answer is None:
            self._pane.empty = _NO_EXPERIMENT
            self._pane.redraw()
            return
        self.autotuner.subject = self.autotuner.subject.at(
            answer.stored.id, answer.experiment.number
        )
        log = answer.experiment.log
        path = commands.runner_log(answer.stored.id) if self._of_runner else Path(log)
        if not self._of_runner and not log:
            self._open(None)
            self._pane.empty = _NOT_LAUNCHED
            self._pane.redraw()
        elif path != self._path:
            self._open(path)
            self.ask()
        self.retitle()

    def _open(self, path: Path | None) -> None:
        self._path, self._window = path, None
        self._following = True
        self._read = None
        self._pane.show(LogWindow((), 0, begins=True, ends=True))
        if path is not None:
            self._look()

    def _look(
        self,
        *,
        search: _Search | None = None,
        place: int | None = None,
    ) -> None:
        """Make the reading that fits where the user is."""
        path, following = self._path, self._following
        if path is None:
            return
        around = _AROUND * max(10, self._pane.size.height)
        begin = self._pane.place if place is None else place

        async def read(_: object) -> _Read:
            try:
                if search is not None:
                    return _searched(path, search, begin, around, lambda: self._read is read)
                if following:
                    return _Read(read_end(path, 2 * around), at_end=True)
                return _Read(read_around(path, begin, around, around), place=place)
            except HostError as error:
                return _Read(None, str(error))

        self._read = read

    def _show_lines(self, answer: _Read) -> None:
        if answer.said:
            self.autotuner.say(answer.said, "warn")
        if answer.window is None:
            self._problem = answer.problem
            if answer.problem:
                self._pane.empty = empty_lines("The log cannot be shown.", answer.problem)
                self._pane.show(LogWindow((), 0, begins=True, ends=True))
        else:
            self._window = answer.window
            self._pane.empty = empty_lines("The log is empty so far.")
            self._pane.show(answer.window, place=answer.place, at_end=answer.at_end)
        if answer.place is not None or answer.said:  # found once is enough
            self._look()
            self.ask()
        self.retitle()

    def on_log_pane_wanted(self) -> None:
        """Read around the cursor."""
        self._look()
        self.ask()

    def on_log_pane_scrolled(self) -> None:
        """Stop following: the user looks at something."""
        at_end = self._window is not None and self._window.ends and self._pane.share >= 1.0
        if self._following and not at_end:
            self._following = False
            self._look()
            self.ask()
        self.retitle()

    # Keys

    def action_to_begin(self) -> None:
        """Go to the first line."""
        self._following = False
        self._look(place=0)
        self.ask()

    def action_to_end(self) -> None:
        """Go to the last line, and follow."""
        self._following = True
        self._look()
        self.ask()

    def action_follow(self) -> None:
        """Stay at the end of the log, or not."""
        if self._following:
            self._following = False
            self._look()
            self.ask()
            self.retitle()
        else:
            self.action_to_end()

    def action_source(self) -> None:
        """Show the log of the runner, or of the server."""
        self._of_runner = not self._of_runner
        self._path = None
        self.ask()

    def action_search(self) -> None:
        """Ask what to search for."""
        self.app.push_screen(
            Ask("Search for", self._text, placeholder="a text; upper and lower case are the same"),
            self._search_for,
        )

    def _search_for(self, wanted: str | None) -> None:
        if wanted is None:
            return
        self._text = wanted
        self._pane.found = re.compile(re.escape(wanted), re.IGNORECASE) if wanted else None
        if wanted:
            self._seek(text(wanted), "next", f"“{wanted}”")
        else:
            self._pane.redraw()
            self.retitle()

    def _seek(
        self,
        sought: Sought,
        direction: Literal["next", "previous", "first"],
        what: str,
    ) -> None:
        self._following = False
        self._look(search=_Search(sought, direction, what))
        self.ask()

    def action_next_match(self) -> None:
        """Go to the next match."""
        if self._text:
            self._search_again("next")
        else:
            self.action_search()

    def action_previous_match(self) -> None:
        """Go to the match before."""
        if self._text:
            self._search_again("previous")
        else:
            self.action_search()

    def _search_again(self, direction: Literal["next", "previous"]) -> None:
        self._seek(text(self._text), direction, f"“{self._text}”")

    def action_first_error(self) -> None:
        """Go to the line that proves why the experiment failed, or the first that tells of one."""
        failure = self._answer.experiment.failure if self._answer is not None else None
        if failure is not None and failure.evidence and not self._of_runner:
            self._seek(words_of(one_line(failure.evidence)), "first", "the line that proves why")
        else:
            self._seek(ERRORS, "first", "a line that tells of an error")

    def action_wrap(self) -> None:
        """Break long lines, or not."""
        self._pane.toggle_wrap()

    def action_copy(self) -> None:
        """Copy the line under the cursor."""
        if self._pane.current is not None:
            self.autotuner.copy(self._pane.current.text, "line")


def _searched(
    path: Path, search: _Search, place: int, around: int, wanted: Callable[[], bool]
) -> _Read:
    """Look for it from the line at `place` on, and then in the rest of the file."""
    sought, said = search.sought, ""
    match search.direction:
        case "first":
            found = find_next(path, sought, 0, wanted)
            if found is None and sought is not ERRORS:
                found = find_next(path, ERRORS, 0, wanted)
        case "next":
            lines = read_around(path, place, 0, 1).lines
            found = find_next(path, sought, lines[1].offset, wanted) if len(lines) > 1 else None
            if found is None and (found := find_next(path, sought, 0, wanted)) is not None:
                said = "from the beginning again"
        case "previous":
            found = find_previous(path, sought, place, wanted)
            if found is None:
                end = path.stat().st_size
                if (found := find_previous(path, sought, end, wanted)) is not None:
                    said = "from the end again"
    if found is None:
        return _Read(None, said=f"{search.what}: none in this log")
    return _Read(read_around(path, found, around, around), place=found, said=said)


def _bytes(size: int) -> str:
    for unit, least in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= least:
            return f"{size / least:.3g} {unit}"
    return f"{size} bytes"


_NO_EXPERIMENT = empty_lines(
    "No experiment chosen.", "2 shows the experiments of a task; L on one of them shows its log."
)
_NOT_LAUNCHED = empty_lines(
    "Its server was never launched, so there is no log.",
    "Tab shows what the runner said.",
)
