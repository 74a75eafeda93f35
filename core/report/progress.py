"""A run as it goes, on stderr: a live display on a terminal, plain lines anywhere else.

It sees nothing but events, so it shows a run that is replayed as it showed it live. It never stops
a run: what a reader that left can no longer take is dropped.
"""

import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Self, TextIO, cast

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from core.events import (
    Event,
    Experiment,
    ExperimentJudged,
    LevelProgress,
    Notice,
    Phase,
    RunBegan,
    RunEnded,
    RunState,
)
from core.report import figures
from core.report.characters import STYLES, ascii_only, one_line
from core.report.narration import ahead, level, narrate, progress, standing

PLAIN_PROGRESS_SECONDS = 10.0
"""Shortest time between two plain lines about the same load level."""

REFRESHES_PER_SECOND = 2.0
"""What the eye needs; each refresh costs a remote terminal some hundred bytes."""


class Progress(ABC):
    """A display that is fed the events of one run. Use it as a context manager."""

    def __init__(self, stream: TextIO, so_far: RunState | None = None) -> None:
        self.state = so_far or RunState()
        self._stream = cast("TextIO", _Enduring(stream))
        self._utf8 = (stream.encoding or "ascii").lower().startswith("utf")

    @abstractmethod
    def show(self, event: Event) -> None:
        """Take in the next event."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def _spell(self, text: str) -> str:
        return text if self._utf8 else ascii_only(text)


def progress_on(stream: TextIO, so_far: RunState | None = None) -> Progress:
    """Return the display that suits `stream`.

    Args:
        so_far: what a run that is taken up again amounts to. The display goes on from there, and
            keeps it up to date.
    """
    # Whether it is a terminal is asked here and not of rich, which FORCE_COLOR can persuade.
    if stream.isatty() and not Console(file=stream).is_dumb_terminal:
        return LiveProgress(stream, so_far)
    return PlainProgress(stream, so_far)


class PlainProgress(Progress):
    """One line for each event, with the time of day, for logs and pipes. No control characters."""

    def __init__(self, stream: TextIO, so_far: RunState | None = None) -> None:
        super().__init__(stream, so_far)
        self._told: dict[int, LevelProgress] = {}
        """The progress that was told last, by experiment."""

    def show(self, event: Event) -> None:
        """Take in the next event and write its line."""
        self.state.apply(event)
        if isinstance(event, LevelProgress):
            told = self._told.get(event.experiment)
            if told is not None and not _due(event, told):
                return
            self._told[event.experiment] = event
        line = narrate(event, self.state)
        if line is not None:
            moment = time.strftime("%H:%M:%S", time.localtime(event.at))
            self._stream.write(self._spell(f"{moment} {line}\n"))
            self._stream.flush()


def _due(event: LevelProgress, told: LevelProgress) -> bool:
    elsewhere = (event.index, event.phase) != (told.index, told.phase)
    return elsewhere or event.at - told.at >= PLAIN_PROGRESS_SECONDS


@dataclass(frozen=True)
class _Scene:
    """What goes on below the results. Rich draws it in a thread of its own, hence immutable."""

    under_way: tuple[tuple[Experiment, LevelProgress | None, str], ...] = ()
    """Each with how its load level is doing, and which that is."""
    standing: str = ""


class LiveProgress(Progress):
    """Results scroll up, one line each; below them a few lines show what is going on now."""

    def __init__(self, stream: TextIO, so_far: RunState | None = None) -> None:
        super().__init__(stream, so_far)
        self._scene = _Scene()
        self._live = Live(
            console=Console(file=self._stream, highlight=False, markup=False, emoji=False),
            get_renderable=self._draw,
            refresh_per_second=REFRESHES_PER_SECOND,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, event: Event) -> None:
        """Take in the next event; results and notices stay on the screen."""
        self.state.apply(event)
        search, seen = self.state.search, self.state.side_by_side
        open_ones = [e for e in self.state.experiments.values() if e.phase is not Phase.DONE]
        self._scene = _Scene(
            under_way=tuple(
                (e, seen.get(e.number), level(seen[e.number].index, self.state))
                if e.number in seen
                else (e, None, "")
                for e in open_ones
            ),
            standing=f"{standing(self.state)}; {ahead(search)}" if search else "",
        )
        if isinstance(event, RunBegan | ExperimentJudged | Notice | RunEnded):
            line = narrate(event, self.state) or ""
            self._live.console.print(Text(self._spell(line), STYLES.get(line[:1], "")))

    def _draw(self) -> RenderableType:
        scene = self._scene
        lines: list[RenderableType] = []
        for experiment, event, place in scene.under_way:
            lines.append(self._line(_activity(experiment)))
            lines += self._bar(experiment, event, place)
        if scene.standing:
            lines.append(self._line(scene.standing))
        return Group(*lines)

    def _bar(
        self, experiment: Experiment, event: LevelProgress | None, place: str
    ) -> list[RenderableType]:
        if event is None or event.phase != experiment.phase:
            return []
        row = Table.grid(padding=(0, 1))
        row.add_row(
            " ",
            ProgressBar(total=max(event.planned, 1), completed=event.done, width=20),
            self._line(progress(event)),
        )
        return [self._line(f"  {place}"), row]

    def _line(self, text: str) -> Text:
        # Rich's ellipsis is a character that not every terminal has.
        return Text(self._spell(text), no_wrap=True, overflow="ellipsis" if self._utf8 else "crop")


def _activity(experiment: Experiment) -> str:
    elapsed = figures.clock(max(0.0, time.time() - experiment.phase_began_at))
    detail = f" ({one_line(experiment.phase_detail)})" if experiment.phase_detail else ""
    what = one_line(str(experiment.configuration))
    return f"  experiment {experiment.number}: {experiment.phase}{detail} {elapsed}  {what}"


class _Enduring:
    """A text stream that goes on without its reader: a closed pipe, a dropped line, a full disk."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except (OSError, ValueError):
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except (OSError, ValueError):
            return

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
