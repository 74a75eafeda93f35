"""A new task, or another version of one: a form, and beside it the YAML that it writes."""

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal, get_args

from textual.containers import Horizontal, Vertical
from textual.widget import Widget
from textual.widgets import TextArea

from core.engines.flag import Flag
from core.engines.registry import ENGINES
from core.errors import HostError
from core.machine.nvml import NvmlGpus
from core.report.forecast import forecast
from core.report.plan import Plan
from core.store import StoredTask, Viewer
from core.task import STATISTICS, FlagValue, Objective, StrategyName
from tui import commands
from tui.columns import Column
from tui.dialogs.asking import Ask, Confirm
from tui.dialogs.picker import Choice, Picker
from tui.form.discovery import Machine, discover
from tui.form.draft import Draft
from tui.form.drafts import NEW, Origin, draft_path, editor, forget_draft, keep_draft, read_draft
from tui.form.panes import Status, YamlPane
from tui.form.proposal import model_for, propose
from tui.form.rows import LATENCIES, FormRow, form_rows
from tui.form.values import check_values, parse_value, parse_values
from tui.keymap import Scope
from tui.screens.view import Question, View
from tui.spans import Line, Span, line
from tui.widgets.table import Table, Window

BESIDE_FROM = 100
"""Columns from which the YAML stands beside the form."""

_GIB = 2**30


class FormView(View):
    """The form."""

    NAME = "form"
    SCOPES = (Scope.FORM, Scope.LIST)

    def __init__(self) -> None:
        super().__init__()
        self._origin = NEW
        self._draft: Draft | None = None
        self._machine: Machine | None = None
        self._showing: Literal["form", "yaml"] = "form"

    # What is written

    def open(self, origin: Origin) -> None:
        """Begin to write, with the draft that was left behind the last time, if there is one."""
        self._origin, self._draft = origin, None
        kept = read_draft(origin.name)
        if kept is not None:
            self._draft = Draft(kept)
        elif origin.text is not None:
            self._draft = Draft(origin.text)

    @property
    def draft(self) -> Draft:
        """The task as it is written so far."""
        return self._draft or Draft("")

    def body(self) -> Sequence[Widget]:
        """Return the form, the YAML beside it, and what there is to say below them."""
        self._table: Table[FormRow] = Table(
            lambda row: (row.kind, row.title, row.path), id="form", numbered=False
        )
        self._yaml = YamlPane()
        self._status = Status(lambda: self.draft, self._help)
        self._panes = Horizontal(self._table, self._yaml)
        return [Vertical(self._panes, self._status)]

    def on_mount(self) -> None:
        """Choose the columns, and take the keys."""
        self._table.columns = (
            Column("field", _title, rank=0, most=26),
            Column("value", _value, rank=0, most=60, stretch=True),
        )
        self._table.focus()

    def arrive(self) -> None:
        """Show the draft."""
        self._lay_out()
        if self._draft is not None:
            self._take(self._draft, keep=False)

    def heading(self) -> Line:
        """Return what is written, and whether it can be run."""
        wrong = len(self.draft.problems)
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

        questions = [Question(look, self._found, "machine")] if self._machine is None else []
        if (reading := self.draft.reading) is not None:
            task = reading.task

            async def plan(viewer: Viewer) -> Plan | str:
                return await forecast(task, viewer)

            questions.append(Question(plan, self._planned))
        return questions

    def _planned(self, plan: Plan | str) -> None:
        self._status.plan = plan
        self._status.redraw()

    def _found(self, machine: Machine) -> None:
        self._machine = machine
        if self._draft is None:
            self._take(propose(machine), keep=False)
        self.ask()

    def _take(self, draft: Draft, *, keep: bool = True, from_yaml: bool = False) -> None:
        """Make `draft` the one that is written, and show it everywhere."""
        self._draft = draft
        self._status.plan = None
        self.ask()
        if not from_yaml:
            self._yaml.show(draft.text)
        rows = tuple(form_rows(draft))
        if draft.document is not None:
            self._table.show(Window(0, rows, len(rows)))
        self._status.redraw()
        self.retitle()
        if keep:
            keep_draft(self._origin.name, draft.text)

    def _change(self, change: Callable[[Draft], Draft]) -> None:
        try:
            self._take(change(self.draft))
        except ValueError as error:
            self.autotuner.say(f"✗ {error}: mend it in the YAML (Tab)", "bad")

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        """Take in what was typed into the YAML."""
        event.stop()
        if self._yaml.has_focus and self._yaml.text != self.draft.text:
            self._take(Draft(self._yaml.text), from_yaml=True)

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
        self._showing = "form" if self._showing == "yaml" else "yaml"
        self._lay_out()
        (self._yaml if self._showing == "yaml" else self._table).focus()

    async def action_leave_yaml(self) -> None:
        """Go back to the form from the YAML; from the form, to where one came from."""
        if self._showing == "yaml":
            self.action_yaml()
        else:
            await self.autotuner.action_back()

    # Changing

    def on_table_opened(self) -> None:
        """Change the value under the cursor."""
        self.action_change()

    def on_table_moved(self) -> None:
        """Say what the row under the cursor is."""
        self._status.redraw()

    def _help(self) -> str:
        row = self._table.current
        if row is None:
            return ""
        assumed = "" if row.given or not row.value else "; not in the task, so this is assumed"
        return f"{row.title}: {row.help}{assumed}" if row.help else row.title

    def action_change(self) -> None:
        """Ask for another value of the row under the cursor."""
        row = self._table.current
        if row is None:
            return
        match row.kind:
            case "heading" if row.path[:1] == ("slo",):
                self._add_slo()
            case "heading":
                self._add_parameter()
            case "engine":
                self._choose_engine()
            case "model":
                self._choose_model()
            case "choice":
                self._choose(row)
            case "parameter":
                self._ask_values(row.path[1], row.value)
            case "slo":
                self._ask_threshold(row.path[1], row.path[2], row.value.removesuffix(" s"))
            case _:
                self._ask_plain(row)

    def _ask_plain(self, row: FormRow) -> None:
        def changed(text: str) -> Draft:
            value: Any = text.strip()
            if row.kind == "list":
                value = parse_values(text)
            elif row.kind == "number" or (row.kind == "time" and not value[-1:].isalpha()):
                value = parse_value(value)
            return self.draft.having(row.path, value)

        self._ask_for(row.title, row.value, [row.help], row.path, changed)

    def _ask_for(
        self,
        title: str,
        value: str,
        details: Sequence[str],
        path: tuple[str, ...],
        changed: Callable[[str], Draft],
    ) -> None:
        """Ask for a text, and hold what it would make of the task against the rules meanwhile."""
        before = self.draft.problems

        def check(text: str) -> str:
            if not text.strip():
                return "a value is needed"
            try:
                new = [p for p in changed(text).problems if p not in before]
            except ValueError as error:
                return str(error)
            field = ".".join(path)
            return next((p.partition(": ")[2] or p for p in new if field in p), "")

        self.app.push_screen(
            Ask(title, value, details=details, check=check),
            lambda text: self._change(lambda _: changed(text)) if text else None,
        )

    def _choose(self, row: FormRow) -> None:
        values = get_args(Objective if row.path[-1] == "objective" else StrategyName)
        choices = [Choice(value, value.replace("_", " ")) for value in values]
        self.app.push_screen(
            Picker(row.title, choices, current=row.value),
            lambda value: self._set(row.path, value) if value else None,
        )

    def _set(self, path: tuple[str, ...], value: Any) -> None:
        self._change(lambda draft: draft.having(path, value))

    def _choose_engine(self) -> None:
        machine = self._machine
        choices = [
            Choice(name, name, (found.where if found else "not found on this machine"))
            for name in ENGINES
            for found in [machine.engine(name) if machine else None]
        ]
        self.app.push_screen(
            Picker("Engine", choices, current=self.draft.get("base_runtime")), self._use_engine
        )

    def _use_engine(self, name: str | None) -> None:
        if name is None or name == self.draft.get("base_runtime"):
            return
        model = model_for(name, self._machine) if self._machine else None

        def change(draft: Draft) -> Draft:
            draft = draft.having(("base_runtime",), name)
            # Another engine has other flags, and serves other files.
            draft = draft.without(("parameters",)).without(("engine", "arguments"))
            if model is not None:
                draft = draft.having(("model", "id_or_path"), model.id_or_path)
            return draft

        self._change(change)
        self.autotuner.say("another engine has other flags: a adds those to tune")

    def _choose_model(self) -> None:
        models = self._machine.models if self._machine else ()
        choices = [
            Choice(m.id_or_path, m.id_or_path, f"{m.size_bytes / _GIB:.1f} GiB") for m in models
        ]
        if not choices:
            self._type_model()
            return
        choices.append(Choice("", "another …", "type a path, or an id"))
        self.app.push_screen(
            Picker("Model", choices, current=self.draft.get("model", "id_or_path")),
            self._use_model,
        )

    def _use_model(self, chosen: str | None) -> None:
        if chosen == "":
            self._type_model()
        elif chosen:
            self._set(("model", "id_or_path"), chosen)

    def _type_model(self) -> None:
        path = ("model", "id_or_path")
        self._ask_for(
            "Model: a local path, or an id that the engine knows",
            str(self.draft.get(*path) or ""),
            ["Models in Hugging Face's cache, ~/models and /models are listed by themselves."],
            path,
            lambda text: self.draft.having(path, text.strip()),
        )

    # Parameters

    def action_add(self) -> None:
        """Add an SLO if the cursor is among these, else a parameter."""
        row = self._table.current
        below_slos = row is not None and (row.path[:1] == ("slo",) or row.title == _SLO_HEADING)
        (self._add_slo if below_slos else self._add_parameter)()

    def _add_parameter(self) -> None:
        engine = ENGINES.get(str(self.draft.get("base_runtime")))
        catalogue = engine.catalogue if engine is not None else None
        if catalogue is None:
            self.app.push_screen(
                Ask("Flag to tune", placeholder="max-num-seqs"),
                lambda name: self._ask_values(name.strip(), "") if name else None,
            )
            return
        known = self.draft.get("parameters") or {}
        choices = [
            Choice(flag.name, flag.name, _flag_note(flag))
            for flag in catalogue.flags
            if flag.name not in known and flag.deprecated is None
        ]
        self.app.push_screen(
            Picker("Flag to tune", choices, note=f"{len(choices)} flags; type to find one"),
            lambda name: self._ask_values(name, "") if name else None,
        )

    def _ask_values(self, name: str, value: str) -> None:
        engine = ENGINES.get(str(self.draft.get("base_runtime")))
        catalogue = engine.catalogue if engine is not None else None
        flag = catalogue.find(name) if catalogue is not None else None

        def refuse(candidate: FlagValue) -> str | None:
            return catalogue.refuse(name, candidate) if catalogue is not None else None

        details = ["Values with commas between them; 8..256 log is a range; null leaves it out."]
        if flag is not None:
            details.insert(0, _flag_note(flag))
            if flag.choices:
                details.insert(1, f"one of {', '.join(flag.choices)}")
        self.app.push_screen(
            Ask(
                f"Values of {name}",
                value or _first_values(flag),
                details=details,
                check=check_values(refuse),
            ),
            lambda text: self._set_values(name, text) if text else None,
        )

    def _set_values(self, name: str, text: str) -> None:
        def change(draft: Draft) -> Draft:
            if not isinstance(draft.get("parameters"), dict):
                draft = draft.without(("parameters",))
            return draft.having(("parameters", name), parse_values(text))

        self._change(change)

    # SLOs

    def _add_slo(self) -> None:
        choices = [
            Choice((family, statistic), f"{title} {statistic.upper()}" if statistic != "mean"
                   else f"{title} mean")
            for family, title in LATENCIES.items()
            for statistic in STATISTICS
            if self.draft.get("slo", family, statistic) is None
        ]  # fmt: skip
        self.app.push_screen(
            Picker("What has to hold", choices, note="type to find one: ttft p90"),
            lambda chosen: self._ask_threshold(chosen[0], chosen[1], "") if chosen else None,
        )

    def _ask_threshold(self, family: str, statistic: str, value: str) -> None:
        path = ("slo", family, statistic)

        def changed(text: str) -> Draft:
            threshold = parse_value(text.strip().removesuffix("s"))
            if not isinstance(threshold, int | float) or isinstance(threshold, bool):
                raise ValueError("a number of seconds is needed")
            old = self.draft.get(*path)
            target = dict(old) if isinstance(old, dict) else {"hard_fail": True}
            return self.draft.having(path, {**target, "threshold": threshold})

        title = f"{LATENCIES[family]} {statistic}: longest, in seconds"
        self._ask_for(title, value, ["It must hold; the YAML has weight and fail_ratio."], path,
                      changed)  # fmt: skip

    def action_remove(self) -> None:
        """Take the parameter or SLO under the cursor away."""
        row = self._table.current
        if row is None or row.kind not in {"parameter", "slo"}:
            self.autotuner.say("x takes parameters and SLOs away", "warn")
            return
        self._change(lambda draft: draft.without(row.path))

    def action_preset(self) -> None:
        """Merge a preset in."""
        self.autotuner.say("no presets are known", "warn")

    # The whole

    def actioneditor(self) -> None:
        """Open the YAML in the user's editor, and take in what comes back."""
        path = draft_path(self._origin.name)
        try:
            keep_draft(self._origin.name, self.draft.text)
            with self.app.suspend():
                subprocess.run([*editor(), str(path)], check=False)
        except (OSError, HostError) as error:
            self.autotuner.say(f"✗ {error}", "bad")
            return
        self._take(Draft(read_draft(self._origin.name) or ""))
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
        if self._draft is None and self._machine is not None:
            self._draft = propose(self._machine)
        self._take(self.draft, keep=False)

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
        stored: StoredTask = await commands.keep(replace(reading, text=self.draft.text))
        forget_draft(self._origin.name)
        said = await commands.start(stored) if start else f"{stored.ref} is kept; r starts it"
        self._draft = None
        self.autotuner.go("task" if start else "tasks", self.autotuner.subject.at(stored.id))
        return said


_SLO_HEADING = "what has to hold"


def _title(row: FormRow) -> Line:
    if row.kind == "heading":
        return line(Span(row.title, "heading"))
    return line("  ", row.title)


def _value(row: FormRow) -> Line:
    return line(Span(row.value, "accent" if row.given else "muted"))


def _flag_note(flag: Flag) -> str:
    kind = "on or off" if flag.takes == "nothing" else flag.type
    default = "" if flag.default is None else f", default {flag.default}"
    return f"{kind}{default}"


def _first_values(flag: Flag | None) -> str:
    """Return what is worth trying of a flag whose values are known."""
    if flag is None:
        return ""
    if flag.takes == "nothing":
        return "true, false"
    return ", ".join(flag.choices or ())
