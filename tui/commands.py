"""What the user asks for: to keep, start, stop, delete and export tasks.

The only place of the app that writes to the store. Each function returns what to say when it is
done, and raises an `AutotunerError` that says why not.
"""

import asyncio
from pathlib import Path

from core.engines.resolving import engine_of, resolved
from core.errors import HostError
from core.home import home
from core.machine import identity
from core.machine.runner_process import start_runner, stop_runner
from core.report import Conclusion, Format, export
from core.report.findings import findings
from core.report.handing_on import REPORT_FORMATS, everything, report
from core.store import Store, StoredTask, TaskState, Viewer
from core.task import Reading


async def keep(reading: Reading) -> StoredTask:
    """Keep a task for later, with presets and wishes worked in as they are now.

    Raises:
        TaskError: it names an engine or a preset that there is not.
    """
    reading = await asyncio.to_thread(resolved, reading, engine_of(reading))
    async with Store.open() as store:
        return await store.create_task(reading.text, reading.task, reading.source.name)


async def start(task: StoredTask) -> str:
    """Start the runner of a task that is not running; one that is finished is run again anew."""
    if task.state is TaskState.RUNNING:
        return f"{task.ref} is running already"
    if task.state is TaskState.FINISHED:
        async with Store.open() as store:
            task = await store.create_task(task.text, task.task, task.source)
    who = start_runner(f"#{task.id}", runner_log(task.id))
    return f"{task.ref} is started ({who}); it goes on when you leave"


def runner_log(task_id: int) -> Path:
    """Return where the words of a task's runner go."""
    return home() / "runners" / f"{task_id}.log"


async def stop(task: StoredTask) -> str:
    """Stop the run of a task."""
    if task.runner is None or not stop_runner(task.runner):
        return f"{task.ref} is not running"
    return f"{task.ref} is asked to stop: it ends its server and keeps what is measured"


async def delete(task: StoredTask) -> str:
    """Delete a task and its results."""
    async with Store.open() as store:
        await store.delete_task(task.id, identity.is_alive)
    return f"{task.ref} is deleted"


async def find(task_id: int) -> StoredTask:
    """Return a task as it stands now.

    Raises:
        HostError: it is gone.
    """
    async with Viewer(is_alive=identity.is_alive) as viewer:
        task = await viewer.find(f"#{task_id}")
    if task is None:
        raise HostError(f"task #{task_id} is gone")
    return task


async def export_task(task_id: int, form: Format, path: Path) -> str:
    """Write the result of a task to a file that is not there yet.

    Raises:
        HostError: it cannot be written.
    """
    conclusion = await conclusion_of(task_id)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(export(conclusion, form))
    except OSError as error:
        raise HostError(f"{path}: cannot be written: {error.strerror}") from None
    return f"written to {path}"


async def write_report(task_id: int, form: str, path: Path) -> str:
    """Write the report of a task to a file, or in every form to a folder, that is not there yet.

    Args:
        form: one of `core.report.handing_on.REPORT_FORMATS`, or `all`.

    Raises:
        HostError: it cannot be written.
    """
    conclusion = await conclusion_of(task_id)
    try:
        await asyncio.to_thread(_write_report, conclusion, form, path)
    except OSError as error:
        raise HostError(f"{path}: cannot be written: {error.strerror}") from None
    return f"written to {path}"


def _write_report(conclusion: Conclusion, form: str, path: Path) -> None:
    found = findings(conclusion)
    if form == "all":
        path.mkdir()
        for name, text in everything(conclusion, found).items():
            (path / name).write_text(text, encoding="utf-8")
        return
    chosen = next(known for known in REPORT_FORMATS if known == form)
    with path.open("x", encoding="utf-8") as file:
        file.write(report(conclusion, found, chosen))


async def conclusion_of(task_id: int) -> Conclusion:
    """Return a run as it stands.

    Raises:
        HostError: the task is gone.
    """
    task = await find(task_id)
    async with Viewer(is_alive=identity.is_alive) as viewer:
        state, _ = await viewer.state(task_id)
    return Conclusion(task, state)
