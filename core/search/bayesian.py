"""The model-based strategy: constrained Bayesian optimisation over the enumerated configurations.

First the baseline and single changes from it; then, each time, the configuration whose expected
improvement times its odds of holding the SLOs and of not failing is largest, or, while nothing
feasible is known, whose odds are. Nothing is tried twice. An ask is a function of what was told, of
what is pending, and of the seed.

Sources: Schonlau et al. (1998) and Gardner et al. (2014) for expected improvement under
constraints; Ginsbourger et al. (2010) for pending points.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from core.events import Experiment
from core.search.acquisition import Incumbent, drawn, expected_value, holding, roughly
from core.search.aim import Aim
from core.search.gaussian_process import Floats
from core.search.observations import Observations, defaults_in_force, values_of
from core.search.one_thread import one_thread
from core.search.opening import Opening
from core.search.points import Points, Rows
from core.search.space import Space
from core.search.strategy import Proposal, Tried
from core.search.surrogate import Belief, Encoding, Kernels, Surrogate
from core.search.wording import promising, worth_a_try
from core.task import Configuration, FlagValue
from core.verdict import rank_key
from core.verdict.front import front

ENUMERATED = 20_000
"""Spaces up to this size are looked at whole; of larger ones, candidates."""
_RANDOM_CANDIDATES = 1000
_NEIGHBOURS_OF = 5
_SHORTLIST = 256


class Bayesian:
    """Asks for what a model of everything told promises most of."""

    def __init__(
        self,
        space: Space,
        aim: Aim,
        *,
        seed: int,
        budget: int,
        baseline: bool = True,
        transferred: Configuration | None = None,
    ) -> None:
        """Prepare the search.

        Args:
            budget: experiments that there will be, about; the opening takes a third at most.
            baseline: whether the engine's defaults are measured, before anything that is asked for.
            transferred: the best configuration of a similar task, looked at first if it is a point
                of this space.
        """
        self._aim = aim
        self._seed = seed
        self._budget = budget
        self._baseline = baseline
        self._transferred = transferred
        self._tried = Tried()
        self._told: list[Experiment] = []
        self._recalled: list[Experiment] = []
        self._pending: dict[str, Configuration] = {}
        self._in_force: dict[str, FlagValue] = {}
        self._lay_out(space)

    def _lay_out(self, space: Space) -> None:
        """Give every configuration its place, which depends on what flags left out come to."""
        self._space = space
        self._points = Points(space)
        self._key_of_row: dict[bytes, str | None] = {}
        self._opening = Opening(self._points, self._seed, self._budget)
        self._kernels = Kernels()
        whole = self._points.enumerate(ENUMERATED)
        self._whole = None if whole is None else Encoding(self._points.axes, whole)

    @one_thread
    def ask(self) -> Proposal | None:
        """Return the next configuration of the opening, or the most promising one."""
        if not self._points.axes:
            return None
        proposal = self._from_opening() or self._from_model()
        if proposal is not None:
            key = self._space.key(proposal.configuration)
            self._tried.add(key)
            self._pending[key] = proposal.configuration
        return proposal

    def tell(self, experiment: Experiment) -> None:
        """Learn from an experiment: from every level it measured, and from how it ended."""
        key = self._space.key(experiment.configuration)
        self._tried.add(key)
        self._pending.pop(key, None)
        self._told.append(experiment)
        self._learn_defaults(experiment)

    def _learn_defaults(self, experiment: Experiment) -> None:
        """Take in what the server says that flags are which it was not given."""
        told = defaults_in_force([experiment])
        new = {name: told[name] for name in told.keys() & self._space.parameters.keys()}
        if new.keys() - self._in_force.keys():
            self._in_force = {**new, **self._in_force}
            self._lay_out(self._space.knowing(self._in_force))

    def recall(self, experiments: Iterable[Experiment]) -> None:
        """Take in what an earlier task measured, before anything is told.

        It teaches, with more noise than this task's own experiments, but none of it counts as
        tried, and none of it is the best so far.
        """
        self._recalled.extend(experiments)

    def _new(self, configuration: Configuration) -> bool:
        return (
            self._space.key(configuration) not in self._tried
            and self._space.allowed(configuration) is None
        )

    def _new_row(self, row: Rows) -> bool:
        """The same of a point; the promising ones are looked at again and again."""
        place = row.tobytes()
        if place not in self._key_of_row:
            configuration = self._points.configuration(row)
            allowed = self._space.allowed(configuration) is None
            self._key_of_row[place] = self._space.key(configuration) if allowed else None
        key = self._key_of_row[place]
        return key is not None and key not in self._tried

    def _from_opening(self) -> Proposal | None:
        for configuration, reason in self._planned():
            if self._new(configuration):
                return Proposal(configuration=configuration, reason=reason)
        return None

    def _planned(self) -> Iterator[tuple[Configuration, str]]:
        points = self._points
        if self._transferred is not None and points.row(self._transferred) is not None:
            yield self._transferred, "the best of a similar task"
        if not self._told and not self._baseline:
            yield points.configuration(self._opening.home), "nearest to the engine's defaults"
        for step in self._opening.steps(
            [*self._recalled, *self._told], list(self._pending.values())
        ):
            yield points.configuration(step.row), step.reason

    def _from_model(self) -> Proposal | None:
        observations = Observations.of(self._points.axes, self._aim, self._told, self._recalled)
        rng = np.random.default_rng((self._seed, 3, len(self._told), len(self._pending)))
        if not observations.figures:
            return self._blind(rng)
        pending = [values_of(self._points.axes, c) for c in self._pending.values()]
        surrogate = Surrogate(observations, pending, self._kernels)
        encoding = self._whole or self._candidates(observations, rng)
        look = _Look.at(surrogate, encoding, self._aim, Incumbent.of(surrogate))
        ranked = self._untried(encoding.rows, look.rank)
        if not len(ranked):
            return self._blind(rng)
        return self._chosen(look, encoding, ranked, rng)

    def _chosen(
        self, look: "_Look", encoding: Encoding, ranked: np.ndarray, rng: np.random.Generator
    ) -> Proposal:
        best, gain = int(ranked[0]), 0.0
        if look.incumbent is not None:
            beliefs = {metric: belief.part(ranked) for metric, belief in look.beliefs.items()}
            gains = drawn(beliefs, self._aim, look.incumbent, rng)
            gains *= np.exp(look.survival[ranked])
            if gains.max() > 0:
                best, gain = int(ranked[gains.argmax()]), float(gains.max())
            else:
                gain = float(np.exp(look.rank[best]))
        configuration = self._points.configuration(encoding.rows[best])
        odds = float(np.exp(look.odds[best]))
        if look.incumbent is None:
            return Proposal(configuration=configuration, reason=worth_a_try(odds))
        return Proposal(
            configuration=configuration,
            reason=promising(self._aim, float(look.value[best]), odds),
            promise=gain / look.incumbent.size,
        )

    def _untried(self, rows: Rows, rank: Floats) -> np.ndarray:
        """Return the candidates worth drawing for: the highest ranked that may be tried."""
        kept: list[int] = []
        for candidate in np.argsort(-rank, kind="stable").tolist():
            if self._new_row(rows[candidate]):
                kept.append(candidate)
                if len(kept) == _SHORTLIST:
                    break
        return np.array(kept, dtype=np.intp)

    def _candidates(self, observations: Observations, rng: np.random.Generator) -> Encoding:
        """Return random points and the neighbours of the best.

        Ranges have so many neighbours two changes away that not all of those can be looked at.
        """
        best = self._best_rows(observations)
        drawn_rows = self._points.draw(_RANDOM_CANDIDATES, rng)
        near = [self._points.neighbours(row, 1) for row in best]
        further = [self._points.neighbours(row, 2) for row in best]
        if sum(map(len, further)) > ENUMERATED:
            share = ENUMERATED // len(further)
            further = [rng.permutation(rows)[:share] for rows in further]
        rows = np.unique(np.vstack([drawn_rows, *near, *further]), axis=0)
        return Encoding(self._points.axes, rows)

    def _best_rows(self, observations: Observations) -> list[Rows]:
        judged = [e for e in observations.experiments if e.verdict is not None]
        # With several objectives: the front, which is ordered by the first.
        leading = front(judged) if self._aim.also else []
        ranked = sorted(judged, key=lambda e: rank_key(e.verdict))
        best = [*leading[:: max(1, len(leading) // _NEIGHBOURS_OF)], *ranked]
        rows = [self._points.row(e.configuration) for e in best]
        return [row for row in rows if row is not None][:_NEIGHBOURS_OF]

    def _blind(self, rng: np.random.Generator) -> Proposal | None:
        """Return a new point while nothing was measured, or when the model has none left."""
        rows = self._points.draw(_RANDOM_CANDIDATES, rng)
        for row in [*rows, *(self._whole.rows if self._whole is not None else ())]:
            configuration = self._points.configuration(row)
            if self._new(configuration):
                return Proposal(configuration=configuration, reason="random, not tried yet")
        return None


@dataclass(frozen=True)
class _Look:
    """What the model says of every candidate."""

    beliefs: dict[str, Belief]
    survival: Floats
    odds: Floats
    """Log-probability of neither failing nor breaking a hard SLO."""
    value: Floats
    rank: Floats
    incumbent: Incumbent | None

    @classmethod
    def at(
        cls, surrogate: Surrogate, encoding: Encoding, aim: Aim, incumbent: Incumbent | None
    ) -> "_Look":
        beliefs = surrogate.beliefs(encoding)
        survival = surrogate.survival(encoding)
        odds = survival + holding(beliefs, aim)
        value, _ = expected_value(beliefs, aim.objective)
        rank = odds
        if incumbent is not None:
            rank = odds + np.log(np.maximum(roughly(beliefs, aim, incumbent), 1e-30))
        return cls(beliefs, survival, odds, value, rank, incumbent)
