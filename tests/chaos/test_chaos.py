"""Whatever ends whichever process at whatever moment: nothing is left over, nothing is lost.

Real runs, on the simulated engine and on a server with every bad habit, are struck at random
moments with random faults. After each strike: no process or port of an ended run is left, every
stranger with the very same command line lives and was never signalled, every committed load level
is still there, word for word. In the end each task is resumed to its end, and has tried the same
configurations in the same order as a run that nobody disturbed.

It ends after `AUTOTUNER_STRIKES` strikes, or when `AUTOTUNER_CHAOS_SECONDS` are over and the runs
under way have been let finish; how many strikes it came to is told. What fails it is a promise that
was not kept, never a machine that is slow. The seed is `AUTOTUNER_CHAOS_SEED`.
"""

import asyncio
import itertools
import os
import random
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.chaos.faults import faults
from tests.chaos.struck import NASTY_TASK, PATIENCE, SIMULATED_TASK, Struck

STRIKES = int(os.environ.get("AUTOTUNER_STRIKES", "200"))
SEED = int(os.environ.get("AUTOTUNER_CHAOS_SEED", "20260"))
SECONDS = float(os.environ.get("AUTOTUNER_CHAOS_SECONDS", "480"))
AT_ONCE = 5
STRIKES_A_TASK = 15
LONGEST_WAIT = 1.5
"""Seconds between two strikes at one run, at most."""
LONGEST_SEARCH = 15.0
"""Seconds to wait for what a fault strikes to appear."""

pytestmark = pytest.mark.timeout(1500)


class Campaign:
    """Strikes one task after another until enough strikes have met a living run."""

    def __init__(self, folder: Path, tally: Counter[str]) -> None:
        self.folder = folder
        self.tally = tally
        self.numbers = itertools.count()
        self.mounted: list[Path] = []
        self.deadline = time.monotonic() + SECONDS

    @property
    def over(self) -> bool:
        """Whether no more strikes are called for."""
        return sum(self.tally.values()) >= STRIKES or time.monotonic() > self.deadline

    def fresh(self) -> Struck:
        """A task that nobody has struck yet, of one of four kinds in turns."""
        number = next(self.numbers)
        folder = self.folder / str(number)
        rng = random.Random(SEED + number)
        match number % 4:
            case 0:
                struck = Struck(folder, SIMULATED_TASK, rng)
            case 1:
                struck = Struck(folder, NASTY_TASK, rng, flood_kib=100 << 10)
            case _:
                struck = Struck(folder, NASTY_TASK, rng)
        if number % 4 >= 2 and mount(struck.home):
            self.mounted.append(struck.home)
        return struck

    async def strike_tasks(self, expected: dict[str, list[str]]) -> None:
        """Strike one task after another, until there were enough strikes or time is up."""
        while not self.over:
            struck = self.fresh()
            try:
                await self.strike_task(struck)
                assert await struck.tried() == expected[struck.task]
            finally:
                struck.close()

    async def strike_task(self, struck: Struck) -> None:
        """Strike a task, let it go on each time, and at last let it finish."""
        strikes = 0
        while not finished(struck):
            if not struck.running:
                await struck.start()
            left = not self.over and strikes < STRIKES_A_TASK
            if await struck.ended(struck.rng.uniform(0, LONGEST_WAIT) if left else 4 * PATIENCE):
                continue
            assert left, "a run that nobody strikes any more does not end"
            if await self.strike(struck):
                strikes += 1
        await struck.check_nothing_is_left("the end")
        status, said = await struck.ask("clean")
        assert status == 0, said
        struck.check_records()

    async def strike(self, struck: Struck) -> bool:
        """Do one bad thing and check what has to hold; return whether there was anything to hit."""
        before = struck.levels() or {}
        with suppress(OSError):
            struck.add_stranger()
        fault = struck.rng.choice(faults(struck))
        deadline = time.monotonic() + LONGEST_SEARCH
        while (name := await fault(struck)) is None:
            if await struck.ended(within=0.1) or time.monotonic() > deadline:
                return False
        self.tally[name] += 1
        if not struck.running:
            if "guardian" in name or "all" in name:  # what is left is found by the next start
                await struck.ask("clean")
            await struck.check_nothing_is_left(name)
        struck.check_nothing_is_lost(before, name)
        struck.check_strangers(name)
        return True


def finished(struck: Struck) -> bool:
    states = [state for (state,) in struck.query("SELECT state FROM task")]
    return bool(states) and states[-1] == "finished" and not struck.running


def mount(folder: Path) -> bool:
    """Make the folder a disk of 24 MiB, where this user may."""
    command = ["mount", "-t", "tmpfs", "-o", "size=24m,mode=700", "tmpfs", str(folder)]
    return os.geteuid() == 0 and subprocess.run(command, check=False).returncode == 0


@pytest.fixture
def campaign(tmp_path: Path) -> Iterator[Campaign]:
    campaign = Campaign(tmp_path, Counter())
    yield campaign
    for home in campaign.mounted:
        subprocess.run(["umount", "--lazy", home], check=True)


async def undisturbed(folder: Path, task: str) -> list[str]:
    """What a run tries that nobody strikes."""
    struck = Struck(folder, task, random.Random(0))
    await struck.start()
    assert await struck.ended(within=4 * PATIENCE)
    tried = await struck.tried()
    assert len(tried) == 5
    return tried


async def test_nothing_is_left_behind_and_nothing_is_lost(
    campaign: Campaign, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    tasks = {"nasty": NASTY_TASK, "simulated": SIMULATED_TASK}
    tried = await asyncio.gather(
        *(undisturbed(tmp_path / f"undisturbed-{name}", task) for name, task in tasks.items())
    )
    expected = dict(zip(tasks.values(), tried, strict=True))
    try:
        await asyncio.gather(*(campaign.strike_tasks(expected) for _ in range(AT_ONCE)))
    finally:
        total, seconds = sum(campaign.tally.values()), time.monotonic() - began
        with capsys.disabled():
            print(f"\n{total} strikes on {next(campaign.numbers)} runs in {seconds:.0f} s")
            if total < STRIKES:
                print(f"{STRIKES} were wanted")
            for name, count in campaign.tally.most_common():
                print(f"{count:5}  {name}")
