"""What several screens let the user do to a task: asked about first where it matters, then done."""

import re
from typing import TYPE_CHECKING

from core.paths import is_folder, is_there, path_of
from core.report import Format
from core.store import StoredTask
from tui import commands
from tui.apart import apart
from tui.dialogs.asking import Ask, Confirm
from tui.dialogs.picker import Choice, Picker

if TYPE_CHECKING:
    from tui.app import Autotuner

_FORMS: tuple[Choice[Format], ...] = (
    Choice("json", "JSON", "everything, in one document"),
    Choice("csv", "CSV", "a row for each load level"),
    Choice("yaml", "YAML", "the task, to run it again or elsewhere"),
)


def run_task(app: "Autotuner", task_id: int) -> None:
    """Start the task, after showing the command that a custom engine brings along."""

    async def look() -> None:
        task = await commands.find(task_id)
        command = task.task.engine.command
        if task.task.base_runtime != "custom" or command is None:
            app.do(commands.start(task))
            return
        shown = command if isinstance(command, str) else " ".join(command)
        app.push_screen(
            Confirm(f"{task.ref} runs this command. Start it?", [shown], yes="start it"),
            lambda yes: app.do(commands.start(task)) if yes else None,
        )

    app.do(look())


def stop_task(app: "Autotuner", task_id: int) -> None:
    """Ask, then stop the run that was there when it was asked, and no later one."""

    async def look() -> None:
        task = await commands.find(task_id)
        if task.runner is None:
            app.say(f"{task.ref} is not running")
            return
        app.push_screen(
            _confirm_stop(task), lambda yes: app.do(commands.stop(task)) if yes else None
        )

    app.do(look())


def _confirm_stop(task: StoredTask) -> Confirm:
    return Confirm(
        f"Stop {task.ref}?",
        [
            "Its server is ended, and the experiment under way is lost.",
            "What is measured so far is kept; r goes on from there.",
            f"runner {task.runner}",
        ],
        yes="stop it",
    )


def ask_for_export(app: "Autotuner", task_id: int, ref: str) -> None:
    """Ask for the form, then for the file, then write it."""

    def with_form(form: Format | None) -> None:
        if form is None:
            return
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", ref)

        def write(path: str | None) -> None:
            if path is not None:
                app.do(apart(commands.export_task, task_id, form, path_of(path)))

        app.push_screen(Ask("Write it to", f"{name}.{form}", check=check_new_file), write)

    app.push_screen(Picker("Export as", _FORMS), with_form)


def check_new_file(text: str) -> str:
    """Return why nothing can be written to a file of that name, or an empty text."""
    path = path_of(text)
    if not text.strip():
        return "a name is needed"
    if is_there(path):
        return f"{path} is there already"
    if not is_folder(path.absolute().parent):
        return f"there is no folder {path.absolute().parent}"
    return ""
