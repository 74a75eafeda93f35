"""How long looking takes with 10,000 experiments in the store: `python -m tests.store.bench`.

Medians in milliseconds of wall time, the measurements of all queries interleaved.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from core.events import Event
from core.store import Store, Viewer
from tests.store.histories import TEXT, a_task, began, measured_experiment

EXPERIMENTS = 10_000
ROUNDS = 30


async def fill(store: Store) -> int:
    task = await store.create_task(TEXT, a_task())
    batch: list[Event] = [began()]
    for number in range(EXPERIMENTS):
        batch += measured_experiment(number, at=20.0 * number, levels=3, score=number * 7919 % 9973)
        if number % 200 == 199:
            await store.record(task.id, *batch)
            batch = []
    return task.id


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "home" / "autotuner.db"
        async with Store.open(path) as store, Viewer(path) as viewer:
            task = await fill(store)
            _, last = await viewer.state(task)
            events = iter(measured_experiment(EXPERIMENTS, levels=3 * ROUNDS))
            measured: dict[str, Callable[[], Awaitable[object]]] = {
                "page of 50 by number": lambda: viewer.experiments(
                    task, offset=5000, sub_rounds=False
                ),
                "page of 50 by rank": lambda: viewer.experiments(
                    task, sort="rank", offset=5000, sub_rounds=False
                ),
                "page of 50 with 150 sub-rounds": lambda: viewer.experiments(task, offset=5000),
                "list of tasks": viewer.tasks,
                "anything new?": viewer.changed,
                "events after the last": lambda: viewer.events(task, after=last),
                "record one event": lambda: store.record(task, next(events)),
            }
            times: dict[str, list[float]] = {name: [] for name in measured}
            for _ in range(ROUNDS):
                for name, call in measured.items():
                    began_at = time.perf_counter()
                    await call()
                    times[name].append(time.perf_counter() - began_at)
                last = (await viewer.events(task, after=last))[-1].seq
        for name, seconds in times.items():
            sys.stdout.write(f"{name:32}{statistics.median(seconds) * 1e3:8.2f} ms\n")


if __name__ == "__main__":
    asyncio.run(main())
