"""A home of its own for each test, and runs of a stub server in it."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from core.engines.registry import ENGINES
from core.events import Event, RunEnded
from core.machine import identity
from core.report import Conclusion
from core.run import Runner
from core.store import Store, StoredTask
from core.task import Task

STUB = Path(__file__).with_name("stub_server.py")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    monkeypatch.setenv("AUTOTUNER_HOME", str(folder))
    return folder


def stub_task(parameters: dict, **sections: dict | str) -> Task:
    """A task on the stub server that takes a second or two for each experiment."""
    document = {
        "task_name": "stub",
        "model": {"id_or_path": "stub"},
        "base_runtime": "custom",
        "engine": {"command": [sys.executable, str(STUB), "--port", "{port}", "{flags}"]},
        "parameters": parameters,
        "optimization": {
            "strategy": "grid_search",
            "objective": "minimize_latency",
            "confirmation": False,
        },
        "benchmark": {
            "traffic_scenarios": ["D(16,8)"],
            "num_concurrency": [2],
            "max_requests_per_iteration": 20,
            "max_time_per_iteration": "2s",
        },
        "timeouts": {"warmup": "600ms", "stop": 3},
    }
    for name, section in sections.items():
        old = document.get(name, {})
        document[name] = section if isinstance(section, str) else {**old, **section}
    return Task.model_validate(document)


class Session:
    """One store, and runs in it."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    async def run(
        self, task: Task, listeners: list[Callable[[Event], None]] | None = None
    ) -> tuple[RunEnded, Conclusion]:
        async with Store.open() as store:
            stored = await store.create_task("", task)
            return await self.go_on(store, stored, listeners)

    async def go_on(
        self,
        store: Store,
        stored: StoredTask,
        listeners: list[Callable[[Event], None]] | None = None,
    ) -> tuple[RunEnded, Conclusion]:
        stored = await store.claim(stored.id, identity.myself(), identity.is_alive)
        engine = ENGINES[stored.task.base_runtime]
        runner = Runner(stored, engine, store, [self.events.append, *(listeners or [])])
        ending = await runner.run()
        return ending, Conclusion(stored, await store.resume(stored.id))


@pytest.fixture
def session() -> Session:
    return Session()
