"""Runs played through without a server: the agenda decides, a table of truths answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from core.events import (
    Experiment,
    Failure,
    FlagReverted,
    Outcome,
    RunState,
    SearchEnded,
    SearchReopened,
    WinnerConfirmed,
)
from core.run.agenda import Agenda
from core.run.importance import ranking_by_model
from core.run.steps import Attribute, Conclude, EndSearch, Measure, Reopen, Stop
from core.run.view import View
from core.search import Space, choose
from core.task import Configuration, Task
from core.verdict import judge
from tests.builders import sub_round

Truth = Callable[[Configuration], float | Failure]
"""Returns the true mean latency of a configuration in seconds, or why it cannot be measured."""


def spelled(configuration: Configuration) -> str:
    """The command line: flags that are left out are not in it."""
    return Configuration({k: v for k, v in configuration.items() if v is not None}).key


def agenda_for(task: Task) -> Agenda:
    space = Space.of(task.parameters, spelled)
    return Agenda(
        task,
        space,
        lambda: choose(task.optimization, space, task.slo),
        ranking_by_model(space, task),
    )


@dataclass
class Play:
    """One run under way."""

    task: Task
    truth: Truth
    noise: float = 0.0
    seed: int = 0
    drift: float = 0.0
    """Change of every figure from one launch to the next, as a share."""
    seconds: float = 60.0
    state: RunState = field(default_factory=RunState)
    steps: list[object] = field(default_factory=list)
    now: float = 1_700_000_000.0

    def run(self, most: int = 1000) -> Stop | None:
        """Go on to the end, or for so many steps; as a runner that is started anew would."""
        agenda = agenda_for(self.task)
        for _ in range(most):
            step = agenda.next(View.of(self.state, self.now))
            self.steps.append(step)
            match step:
                case Stop():
                    self.best = agenda.best(View.of(self.state, self.now))
                    return step
                case EndSearch(reason=reason):
                    self.state.apply(SearchEnded(at=self.now, reason=reason))
                case Reopen(reason=reason):
                    self.state.apply(SearchReopened(at=self.now, reason=reason))
                case Conclude(confirmation=confirmation):
                    self.state.apply(WinnerConfirmed(at=self.now, confirmation=confirmation))
                case Attribute(effect=effect):
                    self.state.apply(FlagReverted(at=self.now, effect=effect))
                case Measure():
                    self._measure(step)
                case _:
                    raise AssertionError(f"one at a time, there is nothing to wait for: {step}")
        return None

    def figures(self, latency: float, configuration: Configuration) -> float:
        """Return the throughput that goes with a latency."""
        return 1000.0 / latency

    def interrupt(self) -> None:
        """Have the next experiment begun and never ended, as when the machine loses power."""
        step = agenda_for(self.task).next(View.of(self.state, self.now))
        if not isinstance(step, Measure):
            return
        number = len(self.state.experiments)
        self.state.experiments[number] = Experiment(
            number=number,
            configuration=step.configuration,
            origin=step.origin,
            began_at=self.now,
            phase_began_at=self.now,
            ended_at=self.now + 1,
            outcome=Outcome.INTERRUPTED,
        )

    @property
    def launched(self) -> list[tuple[str, str]]:
        """Origin and configuration of every launch that was not interrupted."""
        over = View.of(self.state, self.now).over
        return [(experiment.origin, experiment.configuration.key) for experiment in over]

    def _measure(self, step: Measure) -> None:
        number = len(self.state.experiments)
        began, self.now = self.now, self.now + self.seconds
        found = self.truth(step.configuration)
        update: Mapping[str, object]
        if isinstance(found, Failure):
            update = {"outcome": Outcome.FAILED, "failure": found}
        else:
            # The noise is the same whether or not the run was interrupted before.
            over = len(View.of(self.state, self.now).over)
            rng = np.random.default_rng((self.seed, over))
            figure = found * float(np.exp(self.noise * rng.standard_normal() + self.drift * over))
            throughput = self.figures(figure, step.configuration)
            measured = (sub_round(e2e=figure, ttft=figure / 10, throughput=throughput),)
            aims = self.task.optimization
            verdict = judge(measured, self.task.slo, aims.objective, levels=1, also=aims.also)
            outcome = Outcome.OK if verdict.feasible else Outcome.INFEASIBLE
            update = {"outcome": outcome, "verdict": verdict, "sub_rounds": measured}
        self.state.experiments[number] = Experiment(
            number=number,
            configuration=step.configuration,
            origin=step.origin,
            promise=step.promise,
            began_at=began,
            phase_began_at=began,
            ended_at=self.now,
        ).model_copy(update=dict(update))


def pure_task(parameters: Mapping[str, list[object]], **optimization: object) -> Task:
    """A task on one level whose runs are only played."""
    return Task.model_validate(
        {
            "task_name": "played",
            "model": {"id_or_path": "m"},
            "base_runtime": "custom",
            "engine": {"command": "serve {port} {model} {flags}"},
            "parameters": parameters,
            "slo": {"ttft": {"mean": {"threshold": 0.4, "hard_fail": True, "fail_ratio": 0.0}}},
            "optimization": {
                "strategy": "random",
                "objective": "minimize_latency",
                **optimization,
            },
        }
    )
