"""The rows of the form: which parts of a task can be changed there, and what they say now. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from core.task import Choices, Range, Slo, SloTarget, Task
from tui.form.draft import Draft, Path
from tui.form.values import write_values

Kind: TypeAlias = Literal[
    "text", "engine", "model", "command", "objective", "choice", "number", "time", "list",
    "parameter", "slo", "heading",
]  # fmt: skip
"""How a row is changed."""

LATENCIES: Mapping[str, str] = {
    "ttft": "TTFT", "tpot": "TPOT", "itl": "ITL", "latency": "E2E latency",
}  # fmt: skip
"""The parts of `slo` that bound a latency, and what people call them."""


@dataclass(frozen=True)
class FormRow:
    """One line of the form."""

    path: Path
    title: str
    value: str
    kind: Kind
    help: str = ""
    given: bool = True
    """Whether the task says it; else it is what the program assumes."""


@dataclass(frozen=True)
class _Field:
    path: Path
    title: str
    kind: Kind
    help: str


_BASICS = (
    _Field(("task_name",), "name", "text", "what lists and reports call it"),
    _Field(("base_runtime",), "engine", "engine", "the server to tune"),
    _Field(("model", "id_or_path"), "model", "model", "a local path, or an id the engine knows"),
)
_CUSTOM = _Field(("engine", "command"), "command", "command", "with {port}, {model} and {flags}")
_GOAL = (
    _Field(("optimization", "objective"), "objective", "objective", "what to improve"),
    _Field(("optimization", "strategy"), "strategy", "choice", "how to search"),
    _Field(("optimization", "max_iterations"), "experiments", "number", "most to try"),
)
_LOAD = (
    _Field(("benchmark", "traffic_scenarios"), "traffic", "list",
           "D(in,out)  N(μ,σ)/(μ,σ)  U(a,b)/(c,d), in tokens"),
    _Field(("benchmark", "num_concurrency"), "concurrency", "list", "a load level for each"),
    _Field(("benchmark", "max_requests_per_iteration"), "requests", "number", "for each level"),
    _Field(("benchmark", "max_time_per_iteration"), "longest level", "time",
           "minutes, or 90s, 2m"),
)  # fmt: skip


def form_rows(draft: Draft) -> list[FormRow]:
    """Return every row of the form for this draft."""
    task = draft.reading.task if draft.reading else None
    rows = [_row(draft, task, field) for field in _BASICS]
    if draft.get("base_runtime") == "custom":
        rows.append(_row(draft, task, _CUSTOM))
    rows.append(FormRow((), "what to tune", "", "heading", "a adds a parameter"))
    rows += _parameters(draft)
    rows.append(FormRow((), "what for", "", "heading"))
    rows += [_row(draft, task, field) for field in _GOAL]
    rows.append(FormRow((), "under which load", "", "heading"))
    rows += [_row(draft, task, field) for field in _LOAD]
    rows.append(FormRow((), "what has to hold", "", "heading", "a adds an SLO"))
    rows += _slos(draft)
    return rows


def _row(draft: Draft, task: Task | None, field: _Field) -> FormRow:
    given = draft.get(*field.path)
    value = given if given is not None else _assumed(task, field.path)
    return FormRow(
        path=field.path,
        title=field.title,
        value=_shown(value),
        kind=field.kind,
        help=field.help,
        given=given is not None,
    )


def _assumed(task: Task | None, path: Path) -> Any:
    value: Any = task
    for step in path:
        value = getattr(value, step, None)
    if path[-1] == "max_time_per_iteration" and value is not None:
        return f"{value / 60:g}"
    return value


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value)
    return str(value)


def _parameters(draft: Draft) -> Iterator[FormRow]:
    named = draft.get("parameters")
    if isinstance(named, str):
        yield FormRow(("parameters",), "parameters", named, "text", "the engine's own choice")
        return
    if not isinstance(named, Mapping) or not named:
        yield FormRow(("parameters",), "none yet", "", "heading", "a adds the first")
        return
    spaces = draft.reading.task.parameters if draft.reading else {}
    for name, raw in named.items():
        space = spaces.get(name) if isinstance(spaces, Mapping) else None
        value = write_values(space) if isinstance(space, Choices | Range) else _shown(raw)
        yield FormRow(("parameters", str(name)), str(name), value, "parameter")


def _slos(draft: Draft) -> Iterator[FormRow]:
    slo = draft.reading.task.slo if draft.reading else None
    targets = list(_targets(slo)) if slo is not None else []
    if not targets:
        yield FormRow(("slo",), "nothing", "", "heading", "any speed will do; a adds an SLO")
        return
    for family, statistic, target in targets:
        hard = "must hold" if target.hard_fail else "may be broken at a price"
        yield FormRow(
            path=("slo", family, statistic),
            title=slo_title(family, statistic),
            value=f"{target.threshold:g} s",
            kind="slo",
            help=hard,
        )


def slo_title(family: str, statistic: str) -> str:
    """Return how an SLO is called: `TTFT P90`."""
    return f"{LATENCIES[family]} {statistic if statistic == 'mean' else statistic.upper()}"


def _targets(slo: Slo) -> Iterator[tuple[str, str, SloTarget]]:
    for family in LATENCIES:
        for statistic, target in getattr(slo, family).items():
            yield family, statistic, target
