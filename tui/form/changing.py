"""Changing a draft row by row: which dialog a kind of row opens, and what its answer does."""

from collections.abc import Callable, Sequence
from typing import Any, get_args

from core.engines.flag import Flag
from core.engines.presets import shelf
from core.engines.registry import ENGINES
from core.task import STATISTICS, FlagValue, StrategyName
from tui.columns import Column
from tui.dialogs.asking import Ask
from tui.dialogs.picker import Choice, Picker
from tui.form import objectives
from tui.form.discovery import Machine
from tui.form.draft import Draft
from tui.form.proposal import model_for, with_recommended
from tui.form.rows import LATENCIES, FormRow, form_rows, slo_title
from tui.form.values import check_values, parse_value, parse_values
from tui.screens.view import View
from tui.spans import Line, Span, line
from tui.widgets.table import Table, Window

_GIB = 2**30
_SLO_HEADING = "what has to hold"


class Changing(View):
    """A screen with a draft that can be changed row by row."""

    def __init__(self) -> None:
        super().__init__()
        self.machine: Machine | None = None
        """What this machine offers; None until it was looked at."""
        self._draft: Draft | None = None
        """None until there is something to begin with."""
        self._table: Table[FormRow] = Table(lambda row: (row.kind, row.title, row.path), id="form")
        self._table.columns = (
            Column("field", _title, rank=0, most=26),
            Column("value", _value, rank=0, most=60, stretch=True),
        )

    @property
    def draft(self) -> Draft:
        """The task as it is written so far."""
        return self._draft or Draft("")

    @property
    def row(self) -> FormRow | None:
        """The row under the cursor."""
        return self._table.current

    def take(self, draft: Draft) -> None:
        """Make `draft` the one that is written, and show its rows."""
        self._draft = draft
        if draft.document is not None:
            rows = tuple(form_rows(draft))
            self._table.show(Window(0, rows, len(rows)))

    def change(self, change: Callable[[Draft], Draft]) -> None:
        """Make what comes of the draft the one that is written."""
        try:
            self.take(change(self.draft))
        except ValueError as error:
            self.autotuner.say(f"✗ {error}: mend it in the YAML (Tab)", "bad")

    def on_table_opened(self) -> None:
        """Change the value under the cursor."""
        self.action_change()

    def action_change(self) -> None:
        """Ask for another value of the row under the cursor."""
        row = self.row
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
            case "objective":
                self._choose_objective(row)
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
            lambda text: self.change(lambda _: changed(text)) if text else None,
        )

    def _choose(self, row: FormRow) -> None:
        choices = [Choice(name, name.replace("_", " ")) for name in get_args(StrategyName)]
        self.app.push_screen(
            Picker(row.title, choices, current=row.value),
            lambda value: self._set(row.path, value) if value else None,
        )

    def _choose_objective(self, row: FormRow) -> None:
        now = self.draft.get(*row.path)
        current = objectives.SEVERAL if isinstance(now, list) else row.value

        def use(chosen: str | None) -> None:
            if chosen == objectives.SEVERAL:
                self._choose_further(row.path, ())
            elif chosen is not None:
                self._set(row.path, chosen)

        choices = objectives.single_choices()
        self.app.push_screen(
            Picker("What to improve", choices, current=current, note="type to find one: e2e p90"),
            use,
        )

    def _choose_further(self, path: tuple[str, ...], chosen: tuple[str, ...]) -> None:
        """Ask for the objectives one by one, until there are enough."""

        def use(name: str | None) -> None:
            if name is None:
                return
            now = (*chosen, name) if name else chosen
            if name and len(now) < objectives.MOST:
                self._choose_further(path, now)
            else:
                self._set(path, list(now))

        choices = objectives.further_choices(chosen)
        self.app.push_screen(Picker(objectives.title(chosen), choices), use)

    def _set(self, path: tuple[str, ...], value: Any) -> None:
        self.change(lambda draft: draft.having(path, value))

    def _choose_engine(self) -> None:
        machine = self.machine
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
        model = model_for(name, self.machine) if self.machine else None

        def change(draft: Draft) -> Draft:
            draft = draft.having(("base_runtime",), name)
            # Another engine has other flags, and serves other files.
            for path in (("engine", "arguments"), ("presets",)):
                draft = draft.without(path)
            if model is not None:
                draft = draft.having(("model", "id_or_path"), model.id_or_path)
            return with_recommended(draft, self.machine)

        self.change(change)
        self.autotuner.say("another engine has other flags; these are the ones it recommends")

    def _choose_model(self) -> None:
        models = self.machine.models if self.machine else ()
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
        row = self.row
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

        self.change(change)

    # SLOs

    def _add_slo(self) -> None:
        choices = [
            Choice((family, statistic), slo_title(family, statistic))
            for family in LATENCIES
            for statistic in STATISTICS
            if self.draft.get("slo", family, statistic) is None
        ]
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

        title = f"{slo_title(family, statistic)}: longest, in seconds"
        self._ask_for(title, value, ["It must hold; the YAML has weight and fail_ratio."], path,
                      changed)  # fmt: skip

    def action_remove(self) -> None:
        """Take the parameter or SLO under the cursor away."""
        row = self.row
        if row is None or row.kind not in {"parameter", "slo"}:
            self.autotuner.say("x takes parameters and SLOs away", "warn")
            return
        self.change(lambda draft: draft.without(row.path))

    def action_preset(self) -> None:
        """Ask for a preset, and merge it in; one that is in is taken out."""
        engine = self.draft.get("base_runtime")
        named = self.draft.get("presets") or []
        chosen = [named] if isinstance(named, str) else list(named)
        choices = [
            Choice(
                known.preset.name,
                f"{'✓ ' if known.preset.name in chosen else ''}{known.preset.name}",
                known.preset.description,
            )
            for known in shelf().presets
            if known.preset.engine in {None, engine}
        ]
        if not choices:
            self.autotuner.say(f"there is no preset for {engine}", "warn")
            return

        def use(name: str | None) -> None:
            if name is None:
                return
            now = [n for n in chosen if n != name] if name in chosen else [*chosen, name]
            path = ("presets",)
            self.change(lambda draft: draft.having(path, now) if now else draft.without(path))

        self.app.push_screen(Picker("Preset", choices, note="what it adds shows in the plan"), use)


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


def _title(row: FormRow) -> Line:
    if row.kind == "heading":
        return line(Span(row.title, "heading"))
    return line("  ", row.title)


def _value(row: FormRow) -> Line:
    return line(Span(row.value, "accent" if row.given else "muted"))
