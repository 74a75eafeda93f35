"""The app: it holds the screens together, follows the store for them, and looks after the terminal.

It never runs anything itself. A runner is a process of its own, so the app may be closed, killed or
cut off at any moment, and any number of apps may look at the same run.
"""

import asyncio
import signal
import zlib
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import App
from textual.binding import BindingType
from textual.events import Resize
from textual.filter import LineFilter
from textual.geometry import Size
from textual.screen import Screen

from core.errors import AutotunerError, HostError
from core.home import home
from core.paths import path_of
from tui import settings as settings_file
from tui.clipboard import fits_clipboard, keep_copied
from tui.degrade import filters
from tui.dialogs.too_small import TooSmall, is_too_small
from tui.driver import TerminalDriver
from tui.follower import Failed, Follower, Told, Trouble, always, nothing
from tui.keymap import Scope, bindings
from tui.palette import PALETTES, Palette
from tui.registry import SCREENS
from tui.screens.opening import Opening
from tui.screens.view import Question, Source, View
from tui.settings import Settings
from tui.spans import Span, line
from tui.standing import read_standing
from tui.subject import Mark, Subject
from tui.terminal import Capabilities
from tui.themes import textual_theme

if TYPE_CHECKING:
    from core.machine.gpus import Gpus
    from core.store import TaskSummary, Viewer
    from tui.chart.run_points import RunPoints
    from tui.form.drafts import Origin
    from tui.standing import Standing

SAID_SECONDS = 6
"""How long a message stays."""


class Autotuner(App[None]):
    """The app. `tests/tui` run it without a terminal."""

    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.EVERYWHERE)]
    CSS = """
    View { background: $background; color: $foreground; }
    * { scrollbar-size: 0 0; }
    """

    def __init__(
        self,
        capable: Capabilities | None = None,
        *,
        gpus: "Gpus | None" = None,
    ) -> None:
        """Make the app.

        Args:
            capable: what the terminal can do.
            gpus: where GPUs are looked for; None: where the driver sees them.
        """
        self._capable = capable or Capabilities(ascii=False, colour=True, queries=True, light=False)
        self._settings_path = home() / "settings.json"
        self.settings = settings_file.read(self._settings_path)
        self._chosen_filters = self._filters_of(self.settings)
        super().__init__(driver_class=TerminalDriver)
        self.animation_level = "none"
        TerminalDriver.asks = self._capable.queries
        self.gpus = gpus
        self.subject = Subject()
        self.running: Sequence[TaskSummary] = ()
        self.recent: Sequence[TaskSummary] = ()
        self.trouble = ""
        self.bug: Exception | None = None
        self._points: RunPoints | None = None
        self._said_for = 0
        self._doing: set[asyncio.Task[None]] = set()
        """What was asked for and is not done yet."""
        self._leaving = False
        self._held: list[str] = []
        self._views: dict[str, View] = {}
        self._trail: list[str] = []
        self._questions: Sequence[Question] = ()
        self._followers: dict[Source, Follower[Any]] = {
            "store": Follower("store", self.post_message, self._open_store, _has_changed),
            "history": Follower("history", self.post_message, _look_at_store, _has_changed),
            "machine": Follower("machine", self.post_message, nothing, always, interval=2.0),
            "files": Follower("files", self.post_message, nothing, always),
        }
        for name, palette in PALETTES.items():
            self.register_theme(textual_theme(name, palette))
        self._wear(self.settings)

    # What the screens use

    @property
    def palette(self) -> Palette:
        """The colours in use."""
        return PALETTES[self.theme]  # type: ignore[index]  # every theme in use is one of ours

    @property
    def ascii(self) -> bool:
        """Whether only ASCII reaches the terminal."""
        chosen = self.settings.characters
        return self._capable.ascii if chosen == "auto" else chosen == "ascii"

    @property
    def view(self) -> View | None:
        """The numbered screen that is on top, or under the dialogs that are."""
        views = [screen for screen in reversed(self.screen_stack) if isinstance(screen, View)]
        return views[0] if views else None

    def ask(self, questions: Sequence[Question]) -> None:
        """Ask these questions, and no others, from now on."""
        self._questions = [Question(read_standing, self._show_standing), *questions]
        for source, follower in self._followers.items():
            follower.follow([q.read for q in self._questions if q.of == source])

    def say(self, text: str, style: str = "accent") -> None:
        """Show a message for some seconds."""
        if self.view is not None:
            self._said_for = SAID_SECONDS
            self.view.hints.say(line(Span(text, style)))

    def do(self, work: Coroutine[Any, Any, str | None], done: str = "") -> None:
        """Do something that takes time beside the screens; say how it went.

        Args:
            work: what it returns is said, unless `done` is.
        """
        task = asyncio.create_task(self._done(work, done))
        self._doing.add(task)
        task.add_done_callback(lambda _: self._is_done(task, work))

    async def _done(self, work: Coroutine[Any, Any, str | None], done: str) -> None:
        try:
            said = await work
        except AutotunerError as error:
            self.say(f"✗ {str(error).splitlines()[0]}", "bad")
        except Exception as error:
            self._handle_exception(error)
        else:
            if text := done or said:
                self.say(text)

    def _is_done(self, task: asyncio.Task[None], work: Coroutine[Any, Any, str | None]) -> None:
        work.close()  # the app may have ended before it began
        self._doing.discard(task)
        if self._leaving and not self._doing:
            self.exit()

    def set(self, **changes: Any) -> None:
        """Change settings, wear them, and keep them."""
        self.settings = self.settings.changed(**changes)
        self._wear(self.settings)
        try:
            settings_file.write(self._settings_path, self.settings)
        except HostError as error:
            self.say(str(error), "bad")

    def go(self, name: str, subject: Subject | None = None, *, keep_trail: bool = True) -> None:
        """Show a screen, about `subject` if one is given."""
        if name not in SCREENS:
            self.say(f"there is no screen “{name}” in this version", "warn")
            return
        here = self.view
        if subject is None and here is not None:
            here.aim()  # keys that arrived together moved the cursor only now
        self.subject = subject or self.subject
        if here is not None and keep_trail and name != here.NAME and not isinstance(here, Opening):
            self._trail = [*(n for n in self._trail if n != name), here.NAME]
        if isinstance(self.screen, TooSmall):
            self.pop_screen()
        if here is self._made(name):
            here.on_screen_resume()
        elif isinstance(here, Opening):
            self.push_screen(name)
        else:
            self.switch_screen(name)
        self.call_later(lambda: self._fit(self.size))

    def _made(self, name: str) -> View:
        """Return a screen, made now if it has not been shown before."""
        if name not in self._views:
            module, _, kind = SCREENS[name].where.partition(":")
            self._views[name] = getattr(import_module(module), kind)()
            self.install_screen(self._views[name], name)  # so that it lives on when it is left
        return self._views[name]

    def points(self, task_id: int, *, sub_rounds: bool) -> "RunPoints":
        """Return the reading of every experiment of a task, which all screens share.

        Args:
            sub_rounds: whether load levels are needed; else they are read only if they were before.
        """
        from tui.chart.run_points import RunPoints

        known = self._points
        if known is None or known.task_id != task_id or (sub_rounds and not known.sub_rounds):
            known = self._points = RunPoints(task_id, sub_rounds=sub_rounds)
        return known

    def mark(self, mark: Mark) -> None:
        """Mark an experiment for comparing, or not any more."""
        try:
            self.subject = self.subject.marked(mark)
        except ValueError as error:
            self.say(str(error), "warn")
            return
        count = len(self.subject.marks)
        self.say(f"{count} marked; c compares them" if count else "nothing is marked")

    def copy(self, text: str, what: str) -> None:
        """Send a text to the clipboard of the terminal, and keep it in a file."""
        sent = fits_clipboard(text)
        if sent:
            self.copy_to_clipboard(text)
        self.do(keep_copied(text, what, sent=sent))

    def open_form(self, task_id: int | None, *, copy: bool = False) -> None:
        """Show the form: for a new task, or for one that is to be changed or copied."""
        from tui import commands
        from tui.form.drafts import NEW, Origin

        if task_id is None:
            self._write(NEW)
            return

        async def look() -> None:
            task = await commands.find(task_id)
            title = f"Copy of {task.ref}" if copy else f"{task.ref}, another version"
            self._write(Origin(f"task-{task.id}", title, task.text))

        self.do(look())

    def open_file(self, path: str) -> None:
        """Show the form with a task file."""
        from core.task import read_text
        from tui.form.drafts import Origin

        file = path_of(path)
        try:
            text = read_text(file)
        except AutotunerError as error:
            self.say(f"✗ {str(error).splitlines()[0]}", "bad")
            return
        self._write(Origin(f"file-{zlib.crc32(str(file.absolute()).encode()):08x}", path, text))

    def open_part(self, title: str, level: int) -> None:
        """Show one part of the experiment that is looked at, at a load level."""
        screen = self._made("experiment")
        screen.turn_to(title, level)  # type: ignore[attr-defined]  # it alone has parts
        self.go("experiment")

    def _write(self, origin: "Origin") -> None:
        """Show the form, to write this."""
        form = self._made("form")
        form.open(origin)  # type: ignore[attr-defined]  # the form alone is opened so
        self.go("form")

    def action_jump(self, name: str) -> None:
        """Show a numbered screen."""
        self.go(name)

    async def action_back(self) -> None:
        """Show the screen before this one."""
        if self._trail:
            self.go(self._trail.pop(), keep_trail=False)
        elif self.view is not None and self.view.NAME != "tasks":
            self.go("tasks", keep_trail=False)

    def action_leave(self) -> None:
        """Leave once everything that was asked for is done; the runs go on."""
        if self._doing and not self._leaving:
            self._leaving = True
            self.say("what you asked for is being finished; q again leaves at once")
        else:
            self.exit()

    def action_help(self) -> None:
        """Show the keys of this screen."""
        from tui.dialogs.help import Help

        if self.view is not None:
            self.push_screen(Help((*self.view.SCOPES, Scope.EVERYWHERE)))

    def action_palette(self) -> None:
        """Find a command, a screen or a task by name."""
        from tui.dialogs.commands import command_choices
        from tui.dialogs.picker import Picker

        view = self.view
        if view is None or isinstance(view, Opening):
            return
        choices = command_choices(view.SCOPES, self.recent)
        self.push_screen(Picker("Commands", choices), self._run_command)

    async def _run_command(self, action: str | None) -> None:
        if action is None or self.view is None:
            return
        if action.startswith("task:"):
            self.go("task", self.subject.at(int(action.removeprefix("task:"))))
        elif hasattr(self, f"action_{action.partition('(')[0]}"):
            await self.run_action(action, self)
        else:
            await self.run_action(action, self.view)

    def action_next_theme(self) -> None:
        """Wear the next theme."""
        names = list(PALETTES)
        self.set(theme=names[(names.index(self.theme) + 1) % len(names)])  # type: ignore[arg-type]
        self.say(f"theme: {self.theme}")

    def action_mouse(self) -> None:
        """Take the mouse, or give it back to the terminal."""
        self.set(mouse=not self.settings.mouse)
        self.say(
            "the mouse is the app's now; M gives it back"
            if self.settings.mouse
            else "the mouse is the terminal's again: it selects text"
        )

    def action_repaint(self) -> None:
        """Draw the whole screen anew."""
        self.refresh()
        if self.view is not None:
            self.view.redraw()

    # Life

    def get_default_screen(self) -> Screen[Any]:
        """Return what is drawn before anything is loaded."""
        return Opening()

    def on_mount(self) -> None:
        """Take signals over and, once the first frame is drawn, begin to follow the store."""
        if not self.is_headless:
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGHUP):
                loop.add_signal_handler(number, self._leave_on, number)
        self.set_interval(1.0, self._tick)
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        if self.settings.mouse:
            self._use_mouse()
        self.ask(())

    def on_unmount(self) -> None:
        """Stop following."""
        for follower in self._followers.values():
            follower.stop()

    def _leave_on(self, number: signal.Signals) -> None:
        asyncio.get_running_loop().remove_signal_handler(number)  # a second one ends it at once
        self.exit(return_code=128 + number)

    def _tick(self) -> None:
        view = self.view
        if view is None or not view.is_mounted:  # on a busy machine that takes its time
            return
        view.tick()
        if self._said_for:
            self._said_for -= 1
            if not self._said_for:
                view.hints.say(())

    def on_resize(self, event: Resize) -> None:
        """Say so when the terminal has too little room for anything."""
        self._fit(event.size)  # the app's own size is still what it was

    def _fit(self, size: Size) -> None:
        small = isinstance(self.screen, TooSmall)
        if is_too_small(*size) and not small:
            self.push_screen(TooSmall())
        elif small and not is_too_small(*size):
            self.pop_screen()

    @asynccontextmanager
    async def _open_store(self) -> "AsyncIterator[Viewer]":
        """Load what the screens need, open the store, and only then show the first of them."""
        for module in ("tui.screens.tasks", "tui.commands"):
            import_module(module)
        from core.machine import identity
        from core.store import Viewer

        async with Viewer(updating=True, is_alive=identity.is_alive) as viewer:
            self.call_later(self._loaded)
            yield viewer

    def _loaded(self) -> None:
        opening = self.view
        self.go("tasks", keep_trail=False)
        self._held = opening.held if isinstance(opening, Opening) else []

    def on_told(self, message: Told) -> None:
        """Hand an answer to whoever asked."""
        for question in self._questions:
            if question.read == message.reading:
                question.show(message.answer)
                if question.of == "store" and question.read != read_standing:
                    self._press_held()

    def _press_held(self) -> None:
        """Press the keys that came before there was a task that they could be about."""
        held, self._held = self._held, []
        for key in held:
            self.call_later(self.simulate_key, key)

    def on_trouble(self, message: Trouble) -> None:
        """Show that the store cannot be read, or can be again."""
        self.trouble = message.text
        if self.view is not None:
            self.view.retitle()

    def on_failed(self, message: Failed) -> None:
        """End the app over a bug in a reading."""
        raise message.error

    def _show_standing(self, standing: "Standing") -> None:
        before = {task.id: task for task in self.running}
        self.running, self.recent = standing
        for task_id in before.keys() - {task.id for task in self.running}:
            now = next((task for task in self.recent if task.id == task_id), before[task_id])
            self._tell_end(now)
        if self.view is not None:
            self.view.retitle()

    def _tell_end(self, task: "TaskSummary") -> None:
        from core.store import TaskState

        gone = task.state is TaskState.INTERRUPTED
        text = f"{task.ref}: its runner is gone" if gone else f"{task.ref} is over: {task.state}"
        self.say(text)
        if self.settings.notify in {"bell", "both"}:
            self.bell()
        if self.settings.notify in {"message", "both"} and self._driver is not None:
            self._driver.write(f"\x1b]9;{text}\x07")

    # Looks

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Return what every line passes before it is sent."""
        return [*super().get_line_filters(), *self._chosen_filters]

    def _filters_of(self, settings: Settings) -> Sequence[LineFilter]:
        chosen = settings.characters
        ascii_only = self._capable.ascii if chosen == "auto" else chosen == "ascii"
        return [*filters(ascii_only=ascii_only, colour=self._capable.colour)]

    def _wear(self, settings: Settings) -> None:
        self._followers["store"].interval = settings.refresh
        self._chosen_filters = self._filters_of(settings)
        plain = "light" if self._capable.light else "dark"
        self.theme = plain if settings.theme == "auto" else settings.theme
        if self.is_running:
            self._use_mouse()
            for screen in self.screen_stack:
                if isinstance(screen, View):
                    screen.redraw()

    def _use_mouse(self) -> None:
        if isinstance(self._driver, TerminalDriver):
            self._driver.use_mouse(on=self.settings.mouse)

    # The end

    def _handle_exception(self, error: Exception) -> None:
        """Leave over a bug without Textual's report, which shows local variables: keys, tokens."""
        self.bug = self.bug or error
        self._return_code = AutotunerError.exit_code
        if self._exception is None:  # what run_test raises
            self._exception = error
            self._exception_event.set()
        self._close_messages_no_wait()


def _look_at_store() -> "Viewer":
    from core.machine import identity
    from core.store import Viewer

    return Viewer(is_alive=identity.is_alive)


async def _has_changed(viewer: "Viewer") -> bool:
    return await viewer.changed()
