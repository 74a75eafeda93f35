"""Optuna's TPE as most tuners use it: its defaults, one score with penalties, no constraints."""

import optuna

from core.events import Experiment
from core.search.optuna_samplers import OptunaSearch
from core.search.space import Space


class DefaultTpe(OptunaSearch):
    """The sampler's defaults; duplicates are dropped, a failure is as bad as the worst so far."""

    def __init__(self, space: Space, seed: int) -> None:
        super().__init__(space, "tpe", seed, 10)
        self._worst = 0.0

    def _sampler(self) -> optuna.samplers.BaseSampler:
        return optuna.samplers.TPESampler(seed=self._seed * 1_000_003 + len(self._told))

    def tell(self, experiment: Experiment) -> None:
        key = self._space.key(experiment.configuration)
        self._tried.add(key)
        self._pending.pop(key, None)
        verdict = experiment.verdict
        # The score holds the penalties of broken SLOs already.
        score = None if verdict is None or not experiment.measured else verdict.score
        self._worst = max(self._worst, score or 0.0)
        trial = self._trial(
            experiment.configuration,
            optuna.trial.TrialState.COMPLETE,
            (self._worst if score is None else score,),
            None,
        )
        if trial is not None:
            self._told.append(trial)
