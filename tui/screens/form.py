"""A new task, or another version of one: a form, and beside it the YAML that it writes."""

import subprocess
from collections.abc import Sequence
from typing import Literal

from textual.containers import Horizontal, Vertical
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import TextArea

from core.errors import HostError, TaskError
from core.machine.nvml import NvmlGpus
from core.report.forecast import Forecast, forecast
from core.store import StoredTask, Viewer
from tui import commands
from tui.dialogs.asking import Confirm
from tui.form.changing import Changing
from tui.form.discovery import Machine, discover
from tui.form.draft import Draft
from tui.form.drafts import NEW, Origin, draft_path, editor, forget_draft, keep_draft, read_draft
from tui.form.panes import Status, YamlPane
from tui.form.proposal import propose
from tui.keymap import Scope
from tui.screens.view import Question
from tui.spans import Line, Span, line

BESIDE_FROM = 100
"""Columns from which the YAML stands beside the form."""


_PAUSE = 0.15
"""Seconds without a key after which what was typed is read."""


class FormView(Changing):
    """The form."""

    NAME = "form"
    SCOPES = (Scope.FORM, Scope.LIST)

    def __init__(self) -> None:
        super().__init__()
        self._origin = NEW
        self._showing: Literal["form", "yaml"] = "form"
        self._yaml = YamlPane()
        self._pause: Timer | None = None
        """Runs out when the typing into the YAML pauses."""
        self._status = Status(lambda: self._draft, self._help)

    # What is written

    def open(self, origin: Origin) -> None:
        """Begin to write, with the draft that was left behind the last time, if there is one."""
        self._origin, self._draft = origin, None
        kept = read_draft(origin.name)
        if kept is not None:
            self._draft = Draft(kept)
        elif origin.text is not None:
            self._draft = Draft(origin.text)
        self._showing = "form"
        if self.is_mounted:
            self._table.focus()

    def body(self) -> Sequence[Widget]:
        """Return the form, the YAML beside it, and what there is to say below them."""
        return [Vertical(Horizontal(self._table, self._yaml), self._status)]

    def on_mount(self) -> None:
        """Take the keys."""
        self._table.focus()

    def arrive(self) -> None:
        """Show the draft."""
        self._lay_out()
        if self._draft is None and self.machine is not None:
            self._draft = propose(self.machine)
        if self._draft is not None:
            self.take(self._draft, keep=False)
        else:
            self._table.reset()

    def heading(self) -> Line:
        """Return what is written, and whether it can be run."""
        known = self._status.forecast
        wrong = len(self.draft.problems or (known.problems if known else ()))
        state = Span("asking the machine …", "muted")
        if self._draft is not None:
            state = Span(
                f"✗ {wrong} to mend" if wrong else "✓ can be run", "bad" if wrong else "ok"
            )
        return line(Span(self._origin.title, "title"), "  ", state)

    def questions(self) -> Sequence[Question]:
        """Ask what this machine offers."""
        gpus = self.autotuner.gpus or NvmlGpus()

        async def look(_: object) -> Machine:
            return discover(gpus)

        questions = [Question(look, self._found, "machine")] if self.machine is None else []
        if (reading := self.draft.reading) is not None:
            known_gpus = self.machine.gpu_facts if self.machine else None

            async def look_ahead(viewer: Viewer) -> Forecast:
                return await forecast(reading, viewer, known_gpus)

            questions.append(Question(look_ahead, self._foretold))
        return questions

    def _foretold(self, known: Forecast) -> None:
        self._status.forecast = known
        self._status.redraw()
        self.retitle()

    def _found(self, machine: Machine) -> None:
        self.machine = machine
        if self._draft is None:
            self.take(propose(machine), keep=False)
        self.ask()

    def take(self, draft: Draft, *, keep: bool = True, from_yaml: bool = False) -> None:
        """Make `draft` the one that is written, and show it everywhere."""
        super().take(draft)
        self._status.forecast = None
        self.ask()
        if not from_yaml:
            self._yaml.show(draft.text)
        self._status.redraw()
        self.retitle()
        if keep:
            self._keep(draft.text)

    def _keep(self, text: str) -> None:
        try:
            keep_draft(self._origin.name, text)
        except HostError as error:
            self.autotuner.say(f"✗ {error}", "bad")

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        """Keep what was typed into the YAML, and take it in at the next pause."""
        event.stop()
        if self._yaml.has_focus and self._yaml.text != self.draft.text:
            self._keep(self._yaml.text)
            if self._pause is not None:
                self._pause.stop()
            self._pause = self.set_timer(_PAUSE, self._take_typed)

    def _take_typed(self) -> None:
        """Read the YAML: it takes up to a few hundredths of a second, too long for every key."""
        if self._pause is not None:
            self._pause.stop()
            self._pause = None
            self.take(Draft(self._yaml.text), from_yaml=True)

    # Layout

    def on_resize(self) -> None:
        """Put the YAML beside the form where there is room."""
        self._lay_out()

    def _lay_out(self) -> None:
        beside = self.size.width >= BESIDE_FROM
        self._table.display = beside or self._showing == "form"
        self._yaml.display = beside or self._showing == "yaml"

    def action_yaml(self) -> None:
        """Move between the form and its YAML."""
        self._take_typed()
        self._showing = "form" if self._showing == "yaml" else "yaml"
        self._lay_out()
        (self._yaml if self._showing == "yaml" else self._table).focus()

    async def action_leave_yaml(self) -> None:
        """Go back to the form from the YAML; from the form, to where one came from."""
        if self._showing == "yaml":
            self.action_yaml()
        else:
            await self.autotuner.action_back()

    def on_table_moved(self) -> None:
        """Say what the row under the cursor is."""
        self._status.redraw()

    def _help(self) -> str:
        row = self.row
        if row is None:
            return ""
        assumed = "" if row.given or not row.value else "; not in the task, so this is assumed"
        return f"{row.title}: {row.help}{assumed}" if row.help else row.title

    # The whole

    def action_editor(self) -> None:
        """Open the YAML in the user's editor, and take in what comes back."""
        path = draft_path(self._origin.name)
        try:
            keep_draft(self._origin.name, self.draft.text)
            with self.app.suspend():
                subprocess.run([*editor(), str(path)], check=False)
        except (OSError, HostError) as error:
            self.autotuner.say(f"✗ {error}", "bad")
            return
        self.take(Draft(read_draft(self._origin.name) or ""))
        self.autotuner.action_repaint()

    def action_start_over(self) -> None:
        """Ask, then forget the draft."""
        self.app.push_screen(
            Confirm("Forget what is written here?", yes="forget it"),
            lambda yes: self._start_over() if yes else None,
        )

    def _start_over(self) -> None:
        forget_draft(self._origin.name)
        self.open(self._origin)
        self.arrive()

    def action_keep(self) -> None:
        """Keep the task for later."""
        self._finish(start=False)

    def action_run(self) -> None:
        """Keep the task and start it."""
        self._finish(start=True)

    def _finish(self, *, start: bool) -> None:
        reading = self.draft.reading
        if reading is None:
            self.autotuner.say(f"✗ {self.draft.problems[0]}", "bad")
            return
        command = reading.task.engine.command
        if start and reading.task.base_runtime == "custom" and command is not None:
            shown = command if isinstance(command, str) else " ".join(command)
            self.app.push_screen(
                Confirm("The task runs this command. Start it?", [shown], yes="start it"),
                lambda yes: self.autotuner.do(self._kept(start=True)) if yes else None,
            )
            return
        self.autotuner.do(self._kept(start=start))

    async def _kept(self, *, start: bool) -> str:
        reading = self.draft.reading
        assert reading is not None
        known = await forecast(reading, gpus=self.machine.gpu_facts if self.machine else None)
        if known.prepared is None:
            raise TaskError(list(known.problems))
        stored: StoredTask = await commands.keep(known.prepared.reading)
        forget_draft(self._origin.name)
        said = await commands.start(stored) if start else f"{stored.ref} is kept; r starts it"
        self._draft = None
        self.autotuner.go("task" if start else "tasks", self.autotuner.subject.at(stored.id))
        return said
