"""The loop: whatever the agenda says is next is done and told, until nothing is left to do.

Every way out (the search exhausted, the budget spent, the user, a host that cannot do it) is a
state of its own, says why, and leaves nothing running.
"""

import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from core.engines.engine import Engine
from core.engines.scanning import installed_version, mismatch
from core.errors import HostError
from core.events import (
    Experiment,
    FlagReverted,
    HostDescription,
    Notice,
    Outcome,
    RunBegan,
    RunEnded,
    RunState,
    SearchAdvanced,
    SearchEnded,
    SearchReopened,
    SubRound,
    WinnerConfirmed,
)
from core.load import LoadWorker
from core.machine import identity
from core.machine.cores import Cores, left_to_the_load
from core.run.agenda import Agenda
from core.run.allocation import Allocation, gpus_of
from core.run.crew import Crew
from core.run.description import describe
from core.run.facts import cores_of, facts_of
from core.run.hosting import hosting_of
from core.run.importance import ranking_by_model
from core.run.journal import Journal, Listener
from core.run.orders import Order, Workbench
from core.run.outlook import noise_and_drift, outlook, power_in_words, what_next
from core.run.packing import width
from core.run.steps import Attribute, Conclude, EndSearch, Measure, Reopen, Step, Stop, Wait
from core.run.to_its_end import to_its_end
from core.run.view import View
from core.run.warm_start import Earlier, earlier_run
from core.search import choose
from core.search.of_task import space_of
from core.store import Store, StoredTask, Viewer, experiment_log
from core.task import DEFAULTS, Configuration
from core.verdict.pruning import Pruning, pruning

_USUAL_NOISE = 0.03
"""Standard deviation of one measurement before any was repeated, as a share: repetitions of one
configuration vary by 1.1 % in the median and by 3.1 % at worst."""


_BELOW_THE_BORDER = 0.9
"""Share of the largest load that held at which the winner is loaded for long."""

_LOADS_IN_FULL = 1
"""Experiments whose largest load is searched in full before others are held against it."""


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
        space = space_of(self._task, engine, *facts_of(self._task, engine))
        self._agenda = Agenda(
            self._task,
            space,
            lambda: choose(self._task.optimization, space, self._task.slo),
            ranking_by_model(space, self._task),
        )
        self._earlier: Earlier | None = None

    async def run(self) -> RunEnded:
        """Run the task to its end and return how it ended.

        Cancelling it stops the experiments under way, cleans up and returns.

        Raises:
            StoreError: results could not be kept.
        """
        preparing = asyncio.create_task(self._prepare())
        stopped = await to_its_end(preparing)  # an engine may take seconds to tell its version
        self._version, state = preparing.result()
        async with Journal(self._store, self._stored.id, state, self._listeners) as journal:
            self._journal = journal
            journal.say(self._began())
            self._note_unknown_version()
            try:
                if stopped:
                    raise asyncio.CancelledError
                cores = cores_of(self._task, self._engine)
                if cores is not None:
                    self._note(cores.in_words)
                async with LoadWorker(cores=cores) as worker:
                    bench = await self._workbench(worker, cores)
                    with left_to_the_load(cores):
                        ending = await self._work(bench)
            except asyncio.CancelledError:
                ending = self._ended("cancelled", "stopped by the user")
            except HostError as error:
                journal.say(self._ended("failed", str(error)))
                raise
            journal.say(ending)
            await to_its_end(asyncio.create_task(journal.settled()))
            return ending

    async def _prepare(self) -> tuple[str, RunState]:
        """Return the engine's version, and what the run amounts to so far."""
        version = await asyncio.to_thread(installed_version, self._engine, self._task)
        return version, await self._store.resume(self._stored.id)

    async def _workbench(self, worker: LoadWorker, cores: Cores | None) -> Workbench:
        task = self._task
        gpus = gpus_of(self._engine, task)
        described = await asyncio.to_thread(describe, self._stored, self._engine, gpus)
        self._journal.say(described)
        await self._begin_with_earlier(described.host)
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
            cores=cores,
        )

    async def _begin_with_earlier(self, host: HostDescription) -> None:
        """Have the search begin with the best of an earlier run, where that is asked for."""
        if not self._task.optimization.warm_start:
            return
        space = self._agenda.space
        async with Viewer() as viewer:
            self._earlier = await earlier_run(viewer, self._stored, space, host)
        if self._earlier is None:
            self._note("no earlier run of this engine and model on such GPUs to begin with")
            return
        best = self._earlier.configuration
        self._begin_search(best)
        self._note(f"the search begins with the best of {self._earlier.ref}: {best}")

    def _begin_search(
        self, transferred: Configuration, recalled: Sequence[Experiment] = ()
    ) -> None:
        task, space = self._task, self._agenda.space
        self._agenda.begin_with(
            lambda: choose(
                task.optimization, space, task.slo, transferred=transferred, recalled=recalled
            )
        )

    def _hold_against_earlier(self, view: View) -> None:
        """Learn from the earlier run, once, where the defaults are what they were; else warn."""
        baseline = next((e for e in view.of_origin("baseline") if e.measured), None)
        earlier = self._earlier
        if earlier is None or baseline is None:
            return
        if different := earlier.inconsistency(baseline):
            self._journal.say(Notice(at=time.time(), severity="warning", text=different))
        elif recalled := earlier.teaches(baseline):
            self._begin_search(earlier.configuration, recalled)
            self._note(f"the search learns from {len(recalled)} experiments of {earlier.ref}")
        self._earlier = None

    async def _work(self, bench: Workbench) -> RunEnded:
        """Do what the agenda says until it says stop."""
        crew = Crew(bench, self._width(bench), self._order)
        told = True
        async with crew:
            while True:
                view = self._view(len(crew.waiting))
                self._hold_against_earlier(view)  # before anything is asked of the search
                step = await asyncio.to_thread(self._agenda.next, view)
                if not told:
                    self._tell_standing(step, crew.width)
                    told = True
                match step:
                    case Stop(state=state, reason=reason):
                        return self._ended(state, reason)
                    case EndSearch(reason=reason):
                        self._journal.say(SearchEnded(at=time.time(), reason=reason))
                        self._note_power()
                    case Reopen(reason=reason):
                        self._journal.say(SearchReopened(at=time.time(), reason=reason))
                    case Conclude(confirmation=confirmation):
                        self._journal.say(
                            WinnerConfirmed(at=time.time(), confirmation=confirmation)
                        )
                    case Attribute(effect=effect):
                        self._journal.say(FlagReverted(at=time.time(), effect=effect))
                    case Measure():
                        crew.waiting.append(step)
                        await crew.begin_what_fits()
                        if crew.full:
                            await crew.one_over()
                            told = False
                    case Wait():
                        await crew.one_over()
                        told = False

    def _width(self, bench: Workbench) -> int:
        asked = self._task.optimization.max_parallel_experiments
        if asked == 1:
            return 1
        gpus = bench.allocation.free()
        needed = bench.engine.gpus_needed(self._task, DEFAULTS)
        found = width(asked, gpus, needed, os.cpu_count() or 1)
        if found == 1:
            self._note(
                "one experiment at a time: there are no GPUs to make several side by side on"
            )
        return found

    def _order(self, step: Measure) -> Order:
        number = max(self._journal.state.experiments, default=-1) + 1
        if step.origin == "search" and not self._task.optimization.baseline:
            number = max(number, 1)  # 0 is the baseline's, whether or not it is measured
        soaking = step.origin == "soak"
        return Order(
            number=number,
            configuration=step.configuration,
            origin=step.origin,
            reason=step.reason,
            promise=step.promise,
            levels=(self._heaviest,) if soaking else None,
            incumbents={} if step.full else self._incumbents(),
            loads=self._soak_load(step) if soaking else {},
            stretch=self._task.optimization.confirmation.soak if soaking else 1.0,
            pruning=None if step.full else self._pruning(),
            kept=self._kept(step),
        )

    @property
    def _heaviest(self) -> int:
        """The index of the level with the most load."""
        levels = list(enumerate(self._task.levels()))
        return max(levels, key=lambda i: (i[1].request_rate or 0.0, i[1].concurrency or 0))[0]

    def _incumbents(self) -> dict[int, float]:
        """Return the load by GPU that the best so far holds, where only one level's is searched.

        With several levels, what falls short at one may make up for it at another; so may a load,
        for what else is improved.
        """
        view, levels = self._view(), self._task.levels()
        best = self._journal.state.experiments.get(self._agenda.best(view) or -1)
        searched = [e for e in view.over if e.origin in {"baseline", "search"} and e.measured]
        if self._task.optimization.also:
            return {}
        if not self._task.optimization.pruning or len(levels) != 1 or levels[0].largest is None:
            return {}
        if best is None or len(searched) < _LOADS_IN_FULL:
            return {}
        held = best.sub_rounds[0].metric("load_under_slo_per_gpu")
        return {} if held is None else {0: held}

    def _soak_load(self, step: Measure) -> dict[int, float]:
        """Return a load somewhat below the largest that the winner holds, where that was searched.

        At the border itself, half of all long measurements would find the SLOs broken.
        """
        index = self._heaviest
        loads = [
            sub_round.found.load
            for e in self._view().of_origin("confirmation")
            if e.configuration == step.configuration
            for sub_round in e.sub_rounds
            if sub_round.index == index and sub_round.found and sub_round.found.load
        ]
        return {index: _BELOW_THE_BORDER * min(loads)} if loads else {}

    def _kept(self, step: Measure) -> dict[int, SubRound]:
        """Return what interrupted tries of the same experiment have measured, by level.

        A fresh launch is a fresh launch: what confirms begins anew.
        """
        if step.origin not in {"baseline", "search"}:
            return {}
        tries = (
            experiment
            for experiment in self._journal.state.experiments.values()
            if experiment.outcome in {Outcome.CANCELLED, Outcome.INTERRUPTED}
            and (experiment.configuration, experiment.origin) == (step.configuration, step.origin)
        )
        return {s.index: s for experiment in tries for s in experiment.sub_rounds}

    def _note_unknown_version(self) -> None:
        known = self._engine.catalogue
        if known and (said := mismatch(self._engine.name, self._version or None, known.version)):
            self._journal.say(Notice(at=time.time(), severity="warning", text=said))

    def _pruning(self) -> Pruning | None:
        optimization, view = self._task.optimization, self._view()
        if not optimization.pruning:
            return None
        noise, _ = noise_and_drift(view)
        return pruning(
            [e for e in view.over if e.origin in {"baseline", "search"}],
            self._task.slo,
            *optimization.objectives,
            levels=len(self._task.levels()),
            noise=noise or _USUAL_NOISE,
        )

    def _view(self, waiting: int = 0) -> View:
        return View.of(self._journal.state, time.time(), waiting)

    def _note_power(self) -> None:
        """Say how far figures moved, and what the confirmation can tell, before it is paid for."""
        view, rules = self._view(), self._task.optimization.confirmation
        contenders = sum(arm != DEFAULTS for arm in self._agenda.entrants(view))
        if not (rules.enabled and self._task.optimization.baseline and contenders):
            return
        known, drift = noise_and_drift(view)
        if drift is not None:
            self._note(
                f"the defaults' figure moved by {drift:+.1%} in the course of the search; what was"
                " measured at different times compares only so far"
            )
        self._note(power_in_words(known, _USUAL_NOISE, contenders, rules.repeats))

    def _note(self, text: str) -> None:
        self._journal.say(Notice(at=time.time(), text=text))

    def _tell_standing(self, step: Step, side_by_side: int) -> None:
        view = self._view()
        ahead = outlook(self._agenda, view, side_by_side)
        noise, drift = noise_and_drift(view)
        self._journal.say(
            SearchAdvanced(
                at=time.time(),
                best=self._agenda.best(view),
                remaining=ahead.remaining,
                eta=ahead.eta,
                eta_beyond=None if ahead.eta is None else ahead.beyond,
                eta_basis=ahead.basis,
                next=what_next(step),
                noise=noise,
                drift=drift,
            )
        )

    def _began(self) -> RunBegan:
        return RunBegan(
            at=time.time(),
            engine=self._engine.name,
            engine_version=self._version,
            simulated=self._engine.simulated,
            levels=self._task.levels(),
            space_size=self._agenda.space.combinations,
            planned=self._agenda.shares.launches,
            runner=identity.myself(),
            resumed=bool(self._journal.state.experiments),
        )

    def _ended(self, state: Literal["finished", "cancelled", "failed"], reason: str) -> RunEnded:
        best = self._agenda.best(self._view())
        return RunEnded(at=time.time(), state=state, reason=reason, best=best)

    def _log_of(self, number: int) -> Path:
        return experiment_log(self._stored.id, self._stored.name, number)
