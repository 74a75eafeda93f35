"""Driving the app: keys in, the text of the screen out, and waiting for answers."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from textual.pilot import Pilot

from core.machine.simulated_gpus import SimulatedGpus
from tui.app import Autotuner
from tui.follower import Told
from tui.screens.opening import Opening
from tui.screens.view import Question
from tui.terminal import Capabilities

PATIENCE = 30.0
"""Seconds after which a test gives up waiting; a loaded machine is no failure."""


class Watched(Autotuner):
    """The app, with two idle GPUs, that remembers which of its questions were answered."""

    def __init__(self, capable: Capabilities | None = None) -> None:
        gpus = SimulatedGpus("NVIDIA H100 80GB HBM3", 80 << 30, count=2)
        super().__init__(capable, gpus=gpus)
        self.answered: set[object] = set()
        self._asking: object = None
        self.copied: list[str] = []

    def ask(self, questions: Sequence[Question]) -> None:
        super().ask(questions)
        self._asking = self.view

    def on_told(self, message: Told) -> None:
        super().on_told(message)
        self.answered.add(message.reading)

    def copy_to_clipboard(self, text: str) -> None:
        self.copied.append(text)

    @property
    def is_settled(self) -> bool:
        """Whether everything that the screen asked is answered and drawn."""
        return (
            not isinstance(self.screen, Opening)
            and self._asking is self.view
            and bool(self._questions)
            and all(question.read in self.answered for question in self._questions)
            and self.message_queue_size == 0
        )


async def until(pilot: Pilot[Any], condition: Callable[[], bool], what: str = "") -> None:
    """Wait until something holds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"{what or 'it'} did not come about:\n{text(pilot)}"
        await pilot.pause()
        await asyncio.sleep(0.01)
    await pilot.pause()


async def settled(pilot: Pilot[Any]) -> None:
    """Wait until everything that was asked is answered and drawn."""
    app = pilot.app
    assert isinstance(app, Watched)
    await until(pilot, lambda: app.is_settled, "an answer")
    await pilot.pause()


async def press(pilot: Pilot[Any], *keys: str) -> None:
    """Press keys, each only when what the one before asked for is there."""
    for key in keys:
        await pilot.press(key)
        await settled(pilot)


async def type_in(pilot: Pilot[Any], written: str) -> None:
    """Type a text into a dialog."""
    names = {" ": "space", "/": "slash", ".": "full_stop", "-": "minus", "#": "number_sign",
             "_": "underscore", "=": "equals_sign"}  # fmt: skip
    await pilot.press(*(names.get(character, character) for character in written))


def lines(pilot: Pilot[Any]) -> list[str]:
    """Return the screen's text."""
    app = pilot.app
    width, height = app.size
    strips = app.screen._compositor.render_strips()
    return [strip.text[:width].rstrip() for strip in strips[:height]]


def text(pilot: Pilot[Any]) -> str:
    """Return the screen's text in one piece."""
    return "\n".join(lines(pilot))
