"""What was drawn, asked or told once is let go of, without waiting for the garbage collector."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from textual.strip import Strip
from textual_plotext import Plot

from tests.tui import runs
from tests.tui.driving import Watched, press, settled
from tui.follower import Follower, always, nothing


@contextmanager
def garbage() -> Iterator[list[object]]:
    """What only the garbage collector can free of all that is made meanwhile."""
    left: list[object] = []
    gc.collect()
    gc.disable()
    try:
        yield left
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        left += gc.garbage
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


@pytest.mark.parametrize(("screen", "keys"), [("task", "jjjkk"), ("chart", "]][")])
async def test_lines_are_gone_once_they_are_drawn_over(
    app: Watched, screen: str, keys: str
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        app.go(screen, app.subject.at(runs.RAG_ID))
        await press(pilot, keys[-1])
        with garbage() as left:
            await press(pilot, *keys)
        assert not [thing for thing in left if isinstance(thing, Strip | Plot)]


async def test_the_background_of_a_screen_is_not_drawn_anew_each_time(app: Watched) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        app.go("task", app.subject.at(runs.RAG_ID))
        await press(pilot, "1", "2")
        with garbage() as left:
            await press(pilot, "1", "2", "1", "2")
        assert len([thing for thing in left if isinstance(thing, Strip)]) < app.size.height


def test_what_is_told_to_a_follower_that_was_never_started_is_not_kept() -> None:
    follower = Follower("idle", lambda _: None, nothing, always)
    for _ in range(3):
        follower.follow(())
    assert not follower.is_alive()
    assert not follower._loop._ready  # type: ignore[attr-defined]
    follower.stop()
