"""The loop: ask the search, conduct the experiment, tell the search; until nothing is left to ask.

Every way out (the space exhausted, the budget spent, the user, a host that cannot do it) is a state
of its own, says why, and leaves nothing running.
"""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from core.engines.engine import Engine
from core.engines.scanning import installed_version, mismatch
from core.errors import HostError
from core.events import (
    Experiment,
    FailureKind,
    Notice,
    Origin,
    Outcome,
    Phase,
    RunBegan,
    RunEnded,
    SearchAdvanced,
    SubRound,
)
from core.load import LoadWorker
from core.machine import identity
from core.run.allocation import Allocation, gpus_of
from core.run.description import describe
from core.run.experiment import ExperimentRun, Order, Workbench
from core.run.facts import facts_of
from core.run.hosting import hosting_of
from core.run.journal import Journal, Listener
from core.search import Strategy, choose
from core.search.of_task import space_of
from core.store import Store, StoredTask, experiment_log
from core.task import DEFAULTS, Configuration
from core.verdict import best

_HOPELESS = 3
"""Experiments in a row that fail for the same reason of this machine before the run gives up: a
wrong image or a broken driver must not burn the whole budget."""


class Runner:
    """Runs one task that has been claimed. Used once."""

    def __init__(
        self, stored: StoredTask, engine: Engine, store: Store, listeners: Sequence[Listener] = ()
    ) -> None:
        self._stored = stored
        self._task = stored.task
        self._engine = engine
        self._store = store
        self._listeners = listeners
        self._space = space_of(self._task, engine, *facts_of(self._task, engine))
        self._strategy: Strategy = choose(self._task.optimization, self._space, self._task.slo)

    async def run(self) -> RunEnded:
        """Run the task to its end and return how it ended.

        Cancelling it stops the experiment under way, cleans up and returns.

        Raises:
            StoreError: results could not be kept.
        """
        self._version = await asyncio.to_thread(installed_version, self._engine, self._task)
        state = await self._store.resume(self._stored.id)
        async with Journal(self._store, self._stored.id, state, self._listeners) as journal:
            self._journal = journal
            journal.say(self._began())
            self._note_unknown_version()
            try:
                async with LoadWorker() as worker:
                    ending = await self._search(await self._workbench(worker))
            except asyncio.CancelledError:
                ending = self._ended("cancelled", "stopped by the user")
            except HostError as error:
                journal.say(self._ended("failed", str(error)))
                raise
            journal.say(ending)
            return ending

    async def _workbench(self, worker: LoadWorker) -> Workbench:
        task = self._task
        gpus = gpus_of(self._engine, task)
        self._journal.say(await asyncio.to_thread(describe, self._stored, self._engine, gpus))
        hosting = hosting_of(task, self._engine, gpus)
        await hosting.prepare(self._note)
        return Workbench(
            task=task,
            task_id=self._stored.id,
            engine=self._engine,
            store=self._store,
            journal=self._journal,
            worker=worker,
            hosting=hosting,
            allocation=Allocation(gpus, self._store, task.gpus, task.timeouts.lease),
            log_of=self._log_of,
        )

    async def _search(self, bench: Workbench) -> RunEnded:
        for experiment in self._experiments:
            self._strategy.tell(experiment)
        if self._task.optimization.baseline and not self._searched("baseline"):
            await self._conduct(bench, DEFAULTS, "baseline", "the engine's own defaults")
        while True:
            if cause := self._hopeless():
                return self._ended("failed", cause)
            proposal = await asyncio.to_thread(self._strategy.ask)
            if proposal is None:
                return self._ended("finished", "every configuration has been tried")
            if self._budget <= 0:
                return self._ended("finished", "the budget of experiments is spent")
            await self._conduct(bench, proposal.configuration, "search", proposal.reason)

    async def _conduct(
        self, bench: Workbench, configuration: Configuration, origin: Origin, reason: str
    ) -> None:
        number = max(self._journal.state.experiments, default=-1) + 1
        if origin == "search" and not self._task.optimization.baseline:
            number = max(number, 1)  # 0 is the baseline's, whether or not it is measured
        order = Order(number, configuration, origin, reason, self._kept(configuration, origin))
        experiment = await ExperimentRun(bench, order).conduct()
        if experiment.failure is not None and experiment.failure.transient:
            reason = f"once more: {experiment.failure.message}"
            again = Order(number + 1, configuration, origin, reason)
            experiment = await ExperimentRun(bench, again).conduct()
        self._strategy.tell(experiment)
        self._journal.say(
            SearchAdvanced(
                at=time.time(), best=self._best, remaining=self._remaining, eta=self._eta()
            )
        )

    def _kept(self, configuration: Configuration, origin: Origin) -> dict[int, SubRound]:
        """Return what interrupted tries of the same experiment have measured, by level."""
        tries = (
            experiment
            for experiment in self._journal.state.experiments.values()
            if experiment.outcome in {Outcome.CANCELLED, Outcome.INTERRUPTED}
            and (experiment.configuration, experiment.origin) == (configuration, origin)
        )
        return {s.index: s for experiment in tries for s in experiment.sub_rounds}

    def _note_unknown_version(self) -> None:
        known = self._engine.catalogue
        if known and (said := mismatch(self._engine.name, self._version or None, known.version)):
            self._journal.say(Notice(at=time.time(), severity="warning", text=said))

    def _note(self, text: str) -> None:
        self._journal.say(Notice(at=time.time(), text=text))

    @property
    def _experiments(self) -> list[Experiment]:
        """Every experiment that came to its end, in order."""
        lived = self._journal.state.experiments
        return [
            lived[number]
            for number in sorted(lived)
            if lived[number].outcome not in {None, Outcome.CANCELLED, Outcome.INTERRUPTED}
        ]

    def _searched(self, origin: Origin) -> list[Experiment]:
        return [e for e in self._experiments if e.origin == origin]

    @property
    def _budget(self) -> int:
        """Experiments that may still be searched with."""
        return self._task.optimization.max_iterations - len(self._searched("search"))

    @property
    def _remaining(self) -> int:
        """Most experiments still to come."""
        size = self._space.combinations
        untried = self._budget if size is None else size - len(self._searched("search"))
        return max(0, min(self._budget, untried))

    @property
    def _best(self) -> int | None:
        winner = best(self._experiments)
        return None if winner is None else winner.number

    def _eta(self) -> float | None:
        """Return the seconds that the remaining experiments take, if they are as long as so far."""
        lengths = [sum(e.spent.values()) for e in self._experiments if e.phase is Phase.DONE]
        return self._remaining * sum(lengths) / len(lengths) if lengths else None

    def _hopeless(self) -> str | None:
        """Return why going on is pointless, or None."""
        last = self._experiments[-_HOPELESS:]
        failures = [e.failure for e in last if e.failure is not None]
        same = {failure.message for failure in failures}
        if len(failures) < _HOPELESS or len(same) > 1:
            return None
        if failures[0].kind is not FailureKind.ENVIRONMENT:
            return None
        return f"{_HOPELESS} experiments in a row failed alike: {failures[0].message}"

    def _began(self) -> RunBegan:
        optimization = self._task.optimization
        size = self._space.combinations
        asked = (
            optimization.max_iterations if size is None else min(size, optimization.max_iterations)
        )
        return RunBegan(
            at=time.time(),
            engine=self._engine.name,
            engine_version=self._version,
            simulated=self._engine.simulated,
            levels=self._task.levels(),
            space_size=size,
            planned=asked + optimization.baseline,
            runner=identity.myself(),
            resumed=bool(self._journal.state.experiments),
        )

    def _ended(self, state: Literal["finished", "cancelled", "failed"], reason: str) -> RunEnded:
        return RunEnded(at=time.time(), state=state, reason=reason, best=self._best)

    def _log_of(self, number: int) -> Path:
        return experiment_log(self._stored.id, self._stored.name, number)
