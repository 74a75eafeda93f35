"""`autotuner list`, `show` and `export`: reading the store back."""

import asyncio
import json
import sys
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from core.cli.output import write
from core.errors import UsageError
from core.machine import identity
from core.report import Conclusion, Format, export, figures, print_result, to_json
from core.store import StoredTask, TaskState, TaskSummary, Viewer

_ALL = 1_000_000


def list_tasks(*, as_json: bool, every: bool) -> int:
    """Print every task, the newest first.

    Args:
        as_json: as JSON, which has all of them.
        every: whether those are listed as well that measured an old result anew.
    """
    tasks = asyncio.run(_tasks())
    if as_json:
        print(json.dumps([_facts(task) for task in tasks], indent=2))
        return 0
    hidden = 0 if every else sum(map(_is_verification, tasks))
    if hidden:
        tasks = tuple(task for task in tasks if not _is_verification(task))
    if not tasks and not hidden:
        print("no tasks yet; `autotuner --run sample_tasks/quickstart.yaml` makes the first")
        return 0
    console = Console(highlight=False, markup=False, emoji=False)
    if tasks:
        console.print(_listed([_cells(task) for task in tasks], console.width))
    if hidden:
        runs = f"{hidden} run{'s' * (hidden > 1)} of `verify`"
        console.print(f"and {runs}; `autotuner list --all` has all")
    return 0


def _is_verification(task: TaskSummary) -> bool:
    """Return whether it is over and has only measured an old result anew."""
    return task.pinned and task.state is TaskState.FINISHED


_HEADINGS = ("task", "engine", "model", "state", "done", "best", "began")
_LEAST_MODEL = 8
_GIVE_WAY = ("engine", "model", "began")
"""Columns that are left out where it is narrow, in this order."""


def _listed(rows: list[tuple[str, ...]], width: int) -> Table:
    columns = {heading: cells for heading, *cells in zip(_HEADINGS, *rows, strict=True)}
    # What names a task has to be readable whole; only the model's name gives way.
    least = {
        heading: _LEAST_MODEL if heading == "model" else max(map(len, (heading, *cells)))
        for heading, cells in columns.items()
    }
    for heading in _GIVE_WAY:
        if sum(least.values()) + _GAP * (len(least) - 1) > width:
            del columns[heading], least[heading]
    room = width - sum(least.values()) - _GAP * (len(least) - 1) + _LEAST_MODEL
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0))
    for heading in columns:
        right = heading in {"done", "best"}
        table.add_column(
            heading,
            justify="right" if right else "left",
            no_wrap=True,
            max_width=max(room, _LEAST_MODEL) if heading == "model" else None,
        )
    for row in zip(*columns.values(), strict=True):
        table.add_row(*row)
    return table


_GAP = 2


def show(ref: str, *, as_json: bool) -> int:
    """Print the result of a task.

    Raises:
        UsageError: there is no such task.
    """
    conclusion = asyncio.run(conclusion_of(ref))
    if as_json:
        print(to_json(conclusion), end="")
    else:
        print_result(conclusion, sys.stdout)
    return 0


def export_to(ref: str, form: Format, output: Path | None) -> int:
    """Write the result of a task to a file or to standard output.

    Raises:
        UsageError: there is no such task.
        HostError: the file cannot be written.
    """
    write(output, export(asyncio.run(conclusion_of(ref)), form))
    return 0


async def find(ref: str) -> StoredTask:
    """Return the task of that name, `name#run` or `#id`.

    Raises:
        UsageError: there is none.
    """
    async with Viewer(is_alive=identity.is_alive) as viewer:
        task = await viewer.find(ref)
    if task is None:
        raise UsageError(f"there is no task {ref}; `autotuner list` names them all")
    return task


async def conclusion_of(ref: str) -> Conclusion:
    """Return what a task of the store has come to.

    Raises:
        UsageError: there is no such task.
    """
    task = await find(ref)
    async with Viewer(is_alive=identity.is_alive) as viewer:
        state, _ = await viewer.state(task.id)
    return Conclusion(task, state)


async def _tasks() -> tuple[TaskSummary, ...]:
    async with Viewer(is_alive=identity.is_alive) as viewer:
        return (await viewer.tasks(limit=_ALL)).rows


def _cells(task: TaskSummary) -> tuple[str, ...]:
    best = task.best_verdict
    return (
        task.ref,
        task.engine,
        task.model,
        task.state,
        str(task.done) if task.planned is None else f"{task.done}/{task.planned}",
        figures.objective(best.objective, task.best_value) if best else "–",
        _moment(task.began_at or task.created_at),
    )


def _moment(unix_time: float) -> str:
    return datetime.fromtimestamp(unix_time).astimezone().strftime("%m-%d %H:%M")


def _facts(task: TaskSummary) -> dict[str, object]:
    """Return a task as JSON has it."""
    return {
        "task": task.ref,
        "id": task.id,
        "engine": task.engine,
        "model": task.model,
        "simulated": task.simulated,
        "verification": task.pinned,
        "state": task.state,
        "created_at": task.created_at,
        "planned": task.planned,
        "outcomes": {(outcome or "under_way"): n for outcome, n in task.outcomes.items()},
        "best": task.best,
        "value": task.best_value,
    }
