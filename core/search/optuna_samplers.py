"""Optuna's samplers, asked one configuration at a time: `tpe`, `cmaes`, and `gp` where torch is.

Optuna forgets trials that failed and proposes them again; here a failure is told as a trial that
breaks its constraints, and no command line is proposed twice. Each ask is a function of what was
told and the seed alone, so that a resumed search proposes what it would have proposed.
"""

import warnings
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Literal, TypeAlias

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from core.errors import HostError
from core.events import Experiment
from core.search.enumeration import spread
from core.search.space import Space, same
from core.search.strategy import Proposal, Tried
from core.task import Choices, Configuration, FlagValue, Range, finite_values
from core.verdict.front import costs_of

SamplerName: TypeAlias = Literal["tpe", "cmaes", "gp"]

_REPEATS = 20
"""Asks in a row that may propose something known before a new random point is taken instead."""

_CRASHED = 1e3
"""Violation told for an experiment that could not be measured: worse than any that was."""


class OptunaSearch:
    """One of optuna's samplers over the space, with SLO violations and crashes as constraints."""

    def __init__(
        self, space: Space, name: SamplerName, seed: int, startup: int, objectives: int = 1
    ) -> None:
        """Prepare the search.

        Raises:
            HostError: the sampler needs a package that is not installed.
        """
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        if name == "gp" and find_spec("torch") is None:
            raise HostError(
                "strategy `gp` is optuna's and needs torch, which is not installed (5 GB:"
                " pip install torch); `bayesian` models the same, better, without it"
            )
        self._name = name
        self._space = space
        self._seed = seed
        self._startup = startup
        self._objectives = objectives
        self._distributions = {
            parameter: _distribution(values, ordered=name != "tpe")
            for parameter, values in space.parameters.items()
        }
        self._tried = Tried()
        self._told: list[FrozenTrial] = []
        self._pending: dict[str, FrozenTrial] = {}

    def ask(self) -> Proposal | None:
        """Return the sampler's next configuration, or a new one where it repeats itself."""
        if not self._distributions:
            return None
        with warnings.catch_warnings():
            # Samplers under trial, and categories that CMA-ES leaves to chance.
            warnings.simplefilter("ignore")
            study = self._study()
            for _ in range(_REPEATS):
                trial = study.ask(self._distributions)
                configuration = self._configuration(trial.params)
                if self._new(configuration):
                    early = len(self._told) < self._startup
                    return self._proposal(configuration, "random start" if early else "promising")
                study.tell(trial, state=TrialState.FAIL)
        for configuration in spread(self._space, self._seed):
            if self._new(configuration):
                return self._proposal(configuration, "random, not tried yet")
        return None

    def tell(self, experiment: Experiment) -> None:
        """Learn from the experiment, where its configuration is a point of the space."""
        key = self._space.key(experiment.configuration)
        self._tried.add(key)
        self._pending.pop(key, None)
        verdict = experiment.verdict
        costs = None if verdict is None else costs_of(verdict)
        violation = 0.0
        if verdict is None or costs is None:
            # No score at all: the constraint alone says how bad it is.
            costs, violation = (0.0,) * self._objectives, _CRASHED
        elif not verdict.feasible:
            violation = max(verdict.violation, 1e-9)
        trial = self._trial(experiment.configuration, TrialState.COMPLETE, costs, violation)
        if trial is not None:
            self._told.append(trial)

    def _new(self, configuration: Configuration) -> bool:
        return self._space.allowed(configuration) is None and self._tried.add(
            self._space.key(configuration)
        )

    def _study(self) -> optuna.Study:
        study = optuna.create_study(
            sampler=self._sampler(), directions=["minimize"] * self._objectives
        )
        if self._name != "cmaes":
            study.add_trials([*self._told, *self._pending.values()])
            return study
        # What CMA-ES has learnt is in the trials that it was asked for: it is asked for them again.
        # It knows no constraints, so that the ranking is told in their place.
        for told, value in zip(self._told, _ranked(self._told), strict=True):
            study.enqueue_trial(told.params)
            study.tell(study.ask(self._distributions), value)
        return study

    def _sampler(self) -> BaseSampler:
        moment = self._seed * 1_000_003 + len(self._told) + len(self._pending)
        match self._name:
            case "tpe":
                return optuna.samplers.TPESampler(
                    seed=moment,
                    n_startup_trials=self._startup,
                    multivariate=True,
                    constant_liar=True,
                )
            case "cmaes":
                return optuna.samplers.CmaEsSampler(
                    seed=moment, n_startup_trials=self._startup, warn_independent_sampling=False
                )
            case "gp":
                return optuna.samplers.GPSampler(seed=moment, n_startup_trials=self._startup)

    def _proposal(self, configuration: Configuration, reason: str) -> Proposal:
        trial = self._trial(configuration, TrialState.RUNNING, None, None)
        if trial is not None:
            self._pending[self._space.key(configuration)] = trial
        return Proposal(configuration=configuration, reason=reason)

    def _trial(
        self,
        configuration: Configuration,
        state: TrialState,
        costs: Sequence[float] | None,
        violation: float | None,
    ) -> FrozenTrial | None:
        """Return the configuration as a trial, or None where it is no point of the space."""
        params: dict[str, object] = {}
        for name, values in self._space.parameters.items():
            if name not in configuration:
                if self._space.active(name, configuration):
                    return None
                # It takes no part: any value stands for it.
                value = finite_values(values)[0]
            else:
                value = configuration[name]
            if isinstance(values, Choices):
                places = [i for i, known in enumerate(values.values) if same(known, value)]
                if not places:
                    return None
                params[name] = places[0]
            else:
                params[name] = value
        return create_trial(
            state=state,
            values=costs,
            params=params,
            distributions=self._distributions,
            constraints=None if violation is None else {"slo": violation},
        )

    def _configuration(self, params: dict[str, object]) -> Configuration:
        values: dict[str, FlagValue] = {}
        for name, space in self._space.parameters.items():
            raw = params[name]
            if isinstance(space, Choices):
                assert isinstance(raw, int)
                values[name] = space.values[raw]
            else:
                assert isinstance(raw, int | float)
                values[name] = space.snap(raw)
        return self._space.resolve(values)


def _ranked(trials: list[FrozenTrial]) -> list[float]:
    """Return the trials' places from the best on: feasible ones by score, others by violation."""

    def key(trial: FrozenTrial) -> tuple[float, float]:
        return trial.constraints["slo"], float(trial.value or 0.0)

    order: Callable[[int], tuple[float, float]] = lambda place: key(trials[place])  # noqa: E731
    ranks = [0.0] * len(trials)
    for rank, place in enumerate(sorted(range(len(trials)), key=order)):
        ranks[place] = float(rank)
    return ranks


def _distribution(space: Choices | Range, *, ordered: bool) -> BaseDistribution:
    """Return optuna's distribution; with `ordered`, numbers to choose among lie on a line."""
    if isinstance(space, Choices):
        if ordered and space.ordered and len(space.values) > 1:
            return IntDistribution(0, len(space.values) - 1)
        # Positions, not values: optuna compares categories, and 1 equals True.
        return CategoricalDistribution(range(len(space.values)))
    if space.type == "integer":
        return IntDistribution(
            int(space.low),
            int(space.high),
            log=space.log,
            step=1 if space.log else int(space.step or 1),
        )
    return FloatDistribution(
        space.low, space.high, log=space.log, step=None if space.log else space.step
    )
