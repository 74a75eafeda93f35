"""What a run does next, and why: the whole loop as a function of its history. Pure.

    the baseline · the search, with the baseline again every ten experiments ·
    the best and the defaults anew, in turns · the winner for long · its flags set back one by one

Everything is read off what has happened, so a run that is taken up again goes on as it would have,
and thousands of runs can be played through without a server.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import log
from statistics import fmean
from typing import TypeAlias

import numpy as np

from core.events import (
    Confirmation,
    Experiment,
    FlagEffect,
)
from core.run.budget import Purse, mean_cost, spent
from core.run.contest import Contest
from core.run.steps import Attribute, Conclude, EndSearch, Measure, Reopen, Step, Stop, Wait
from core.run.view import BROKEN_OFF, View, hopeless, once_more, redone
from core.search import Proposal, Space, Strategy
from core.task import DEFAULTS, Configuration, Shares, Task, share_out
from core.task.shares import LEAST_CONFIRMATION
from core.verdict import best, rank_key
from core.verdict.confirmation import compare, unconfirmed
from core.verdict.front import costs_of, front
from core.verdict.hypervolume import Undominated
from core.verdict.margin import counts, held

LEAST_TRIALS = 12
"""Experiments before a search may end for want of promise."""

UNPROMISING = 3
"""Proposals in a row that promise too little before the search ends."""

REVERT_RUNS = 3
"""Launches of the winner without one of its flags."""

LEFT_FOR_REVERTS = 0.1
"""Share of the budget that has to be left before flags are set back."""


FlagRanking: TypeAlias = Callable[[Sequence[Experiment], Experiment], Sequence[str]]
"""Returns the flags of an experiment, those that matter most first."""


def in_order(_: Sequence[Experiment], winner: Experiment) -> Sequence[str]:
    """Return the flags in the order of the task."""
    return tuple(winner.configuration)


@dataclass
class Agenda:
    """Decides what a run does next. Used once."""

    task: Task
    space: Space
    strategies: Callable[[], Strategy]
    """Makes a strategy that has been told nothing."""
    ranking: FlagRanking = in_order
    _strategy: Strategy | None = None
    _told: set[int] = field(default_factory=set)
    _fallen: frozenset[Configuration] = frozenset()
    _held_back: Proposal | None = None

    @cached_property
    def shares(self) -> Shares:
        """How the launches are shared out."""
        return share_out(self.task.optimization, self.space.combinations)

    def begin_with(self, strategies: Callable[[], Strategy]) -> None:
        """Search by other strategies from now on; what is over is told to them anew."""
        self.strategies, self._strategy = strategies, None

    def next(self, view: View) -> Step:
        """Return what to do next.

        Call it again after each step with that step in the view. What is to be searched may wait
        to be begun, as long as the view counts it; anything else is begun at once.
        """
        if view.search_ended is None:
            return self._search(view)
        if view.busy:
            return Wait()  # what confirms goes alone
        if cause := hopeless(view):
            return Stop("failed", cause)
        if view.confirmation is None:
            return self._confirm(view)
        return self._revert(view, view.confirmation) or Stop("finished", view.search_ended)

    def best(self, view: View) -> int | None:
        """Return the experiment to hand back if the run stopped now."""
        if view.confirmation is not None and view.confirmation.status != "infeasible":
            return view.confirmation.winner
        rivals = [e for e in view.over if e.origin in {"baseline", "search"}]
        fallen = self._contest(view).fallen
        winner = best(e for e in rivals if e.configuration not in fallen)
        return None if winner is None else winner.number

    def entrants(self, view: View) -> list[Configuration]:
        """Return what is confirmed if the search ended now: the defaults and the best."""
        return self._contest(view).entrants

    def purse(self, view: View) -> Purse:
        """Return what is left of the budget."""
        whole = spent(view.experiments, view.now)
        return Purse(self.task.optimization, self.shares, whole, mean_cost(view.over))

    def _informed(self, view: View) -> Strategy:
        """Return the strategy with everything told that is over.

        Where a contender fell on fresh launches, or may keep the SLOs or not, that is what is told
        of it.
        """
        contest = self._contest(view)
        fallen = frozenset(contest.fallen | contest.doubtful)
        if self._strategy is None or fallen != self._fallen:
            self._strategy, self._fallen = self.strategies(), fallen
            self._told, self._held_back = set(), None
        for experiment in view.over:
            searched = experiment.origin in {"baseline", "search"}
            if searched and experiment.number not in self._told and not redone(experiment, view):
                self._told.add(experiment.number)
                known = experiment.configuration in fallen
                broke = contest.broke(experiment.configuration) if known else None
                self._strategy.tell(broke or experiment)
        return self._strategy

    # The search ---------------------------------------------------------------------------------

    def _search(self, view: View) -> Step:
        begun = [e for e in view.experiments if e.origin == "baseline"]
        if self.task.optimization.baseline and not any(e.outcome not in BROKEN_OFF for e in begun):
            return Measure(DEFAULTS, "baseline", "the engine's own defaults")
        if any(e.origin == "baseline" for e in view.under_way):
            return Wait()
        if again := once_more(view):
            return again
        if cause := hopeless(view):
            return Wait() if view.busy else Stop("failed", cause)
        if self._repeat_is_due(view):
            return Measure(DEFAULTS, "repeat", "noise and drift")
        strategy = self._informed(view)
        if self._held_back is None:
            self._held_back = strategy.ask()
        proposal = self._held_back
        if cause := self._enough(view, proposal):
            return Wait() if view.busy else EndSearch(cause)
        assert proposal is not None
        self._held_back = None
        return Measure(
            proposal.configuration,
            "search",
            proposal.reason,
            promise=proposal.promise,
            full=False,
        )

    def _enough(self, view: View, proposal: Proposal | None) -> str | None:
        """Return why the search is over, or None."""
        if proposal is None:
            return "every configuration has been tried"
        searched = [e for e in view.over if e.origin == "search" and not redone(e, view)]
        under_way = sum(e.origin == "search" for e in view.under_way)
        under_way += view.waiting
        if len(searched) + under_way >= self._searches(view):
            return "the budget of experiments is spent"
        if not self.purse(view).affords(1 + view.waiting, kept=self._kept(view)):
            return "the rest of the budget is kept for confirming what was found"
        least = self.task.optimization.early_stop
        if self._trials(view) >= LEAST_TRIALS:
            since = max((e.number for e in view.of_origin("confirmation")), default=-1)
            fresh = [e.promise for e in searched if e.number > since]
            last = [*fresh[1 - UNPROMISING :], proposal.promise]
            if len(last) == UNPROMISING and all(p is not None and p < least for p in last):
                return f"nothing promises to gain {least:.1%} any more"
        return None

    def _kept(self, view: View) -> int:
        """Return the launches that the search leaves to the confirmation.

        Where it goes on because no contender held, no more than three contenders take.
        """
        kept, made = self.shares.confirmations, self._proving(view)
        if not made:
            return kept
        return max(min(kept - made, 2 * LEAST_CONFIRMATION), min(kept, LEAST_CONFIRMATION))

    def _searches(self, view: View) -> int:
        """Return how many configurations may be searched."""
        made = self._proving(view)
        released = self.shares.confirmations - made - self._kept(view)
        most = self.shares.searches + (max(0, released) if made else 0)
        return min(most, self.task.optimization.max_iterations)

    @staticmethod
    def _proving(view: View) -> int:
        """Return the launches that the confirmation took, but for those that are made again."""
        proving = (e for o in ("confirmation", "soak") for e in view.of_origin(o))
        return sum(e.failure is None or not e.failure.transient for e in proving)

    @staticmethod
    def _trials(view: View) -> int:
        return sum(e.origin in {"baseline", "search"} for e in view.over)

    def _repeat_is_due(self, view: View) -> bool:
        every = self.task.optimization.baseline_every
        if not every or view.waiting or not any(e.measured for e in view.of_origin("baseline")):
            return False
        searched = len(view.of_origin("search"))
        begun = [e for e in view.experiments if e.origin == "repeat"]
        made = sum(e.outcome not in BROKEN_OFF for e in begun)
        return made < min(searched // every, self.shares.repeats)

    # The confirmation ---------------------------------------------------------------------------

    def _contest(self, view: View) -> Contest:
        """Return the confirmation as it stands.

        What looks no better than the defaults takes part where all that does is out, and the
        defaults do not clearly keep the hard SLOs either.
        """
        rules = self.task.optimization.confirmation
        contest = Contest(
            objective=self.task.optimization.objective,
            rules=rules,
            contenders=self._contenders(view, rules.repeats[0]),
            pool=self._pool(view),
            defaults=next((e for e in view.of_origin("baseline") if e.measured), None),
            runs=view.of_origin("confirmation"),
            soaks=view.of_origin("soak"),
            resolution=self._resolution,
            # A load that is searched is at the border of the SLOs by its nature.
            slo=None if self._searches_load else self.task.slo,
        )
        if contest.lost and contest.defaults_fail:
            return replace(contest, pool=self._pool(view, against_defaults=False))
        return contest

    @property
    def _searches_load(self) -> bool:
        return any(level.largest is not None for level in self.task.levels())

    @property
    def _resolution(self) -> float:
        """How closely the objective can be told: a load that is searched, within its tolerance."""
        return self.task.benchmark.load_search.tolerance if self._searches_load else 0.0

    def _contenders(self, view: View, repeats: int) -> int:
        """Return how many contenders the budget had room for when the search was over."""
        before = tuple(e for e in view.experiments if e.origin in {"baseline", "search", "repeat"})
        over = [e for e in before if e.ended_at is not None]
        then = max((e.ended_at or 0.0 for e in over), default=view.now)
        whole = spent(before, then)
        purse = Purse(self.task.optimization, self.shares, whole, mean_cost(over))
        most = self.shares.contenders
        return next((k for k in range(most, 1, -1) if purse.affords((k + 1) * repeats)), 1)

    def _pool(self, view: View, *, against_defaults: bool = True) -> tuple[Experiment, ...]:
        """Return what was feasible, and looks better than the defaults, the best first."""
        feasible = [
            e
            for e in view.of_origin("search")
            if e.measured and e.verdict is not None and e.verdict.feasible
        ]
        feasible.sort(key=lambda e: (rank_key(e.verdict), e.number))
        if self.task.optimization.also and against_defaults:
            return self._front(view, feasible)
        if not against_defaults:
            return tuple(feasible)
        defaults = [e for o in ("baseline", "repeat") for e in view.of_origin(o)]
        scores = [e.verdict.score for e in defaults if e.measured and e.verdict]
        known = [score for score in scores if score is not None]
        if not known or not all(held(e) for e in defaults if e.measured):
            return tuple(feasible)
        bound = fmean(known)
        return tuple(e for e in feasible if rank_key(e.verdict)[1] < bound)

    @staticmethod
    def _front(view: View, feasible: Sequence[Experiment]) -> tuple[Experiment, ...]:
        """Return the front without the defaults: the best by the first objective, then, each time,
        what adds most to the hypervolume.
        """
        defaults = [e for e in view.of_origin("baseline") if e.measured and held(e)]
        left = {e.number: e for e in front([*defaults, *feasible]) if e.origin == "search"}
        costs = {n: np.array(costs_of(e.verdict)) for n, e in left.items() if e.verdict}
        if not costs:
            return ()
        reference = np.max([*costs.values()], axis=0) + log(1.1)
        order = [next(iter(left))]
        while len(order) < len(left):
            undominated = Undominated.of(np.array([costs[n] for n in order]), reference)
            rest = [n for n in left if n not in order]
            order.append(max(rest, key=lambda n: float(undominated.improvement(costs[n]))))
        return tuple(left[number] for number in order)

    def _confirm(self, view: View) -> Step:
        contest, winner = self._contest(view), self.best(view)
        rules = self.task.optimization.confirmation
        if contest.lost and self._could_go_on(view):
            return Reopen("nothing that was found kept the hard SLOs on fresh launches")
        if winner is None and contest.lost:
            return Conclude(contest.outcome(None))
        if winner is None:
            return Conclude(unconfirmed(None, "nothing feasible was found"))
        if not contest.pool:
            return Conclude(
                Confirmation(
                    status="defaults",
                    reason="nothing that was measured looked better than the defaults",
                    winner=winner,
                )
            )
        if not rules.enabled:
            return Conclude(unconfirmed(winner, "optimization.confirmation is off"))
        purse = self.purse(view)
        turn = contest.next(lambda launches: purse.affords(launches))
        if turn is None and contest.undecided and self._could_go_on(view):
            return Reopen("nothing that was found keeps the hard SLOs by more than the noise")
        if turn is None:
            return Conclude(contest.outcome(winner))
        return Measure(turn.configuration, turn.origin, turn.reason)

    def _could_go_on(self, view: View) -> bool:
        """Return whether a search that is over would have something to measure."""
        return isinstance(self._search(replace(view, search_ended=None)), Measure)

    # The flags ----------------------------------------------------------------------------------

    def _revert(self, view: View, confirmation: Confirmation) -> Step | None:
        """Return the next launch of the winner without one of its flags, or what a flag brings."""
        winner = next((e for e in view.over if e.number == confirmation.winner), None)
        chosen = confirmation.chosen
        if winner is None or chosen is None or confirmation.status not in {"better", "alone"}:
            return None
        runs = [e for e in view.over if e.number in chosen.runs]
        for flag in self._flags(view, winner):
            if flag in view.effects:
                continue
            reverted = self._without(flag, winner.configuration)
            made = [e for e in view.of_origin("revert") if e.configuration == reverted]
            fresh = [e for e in made if counts(e)]
            if len(fresh) < REVERT_RUNS and len(made) < 2 * REVERT_RUNS and not _broken(fresh):
                purse = self.purse(view)
                if not view.of_origin("revert") and purse.left < LEFT_FOR_REVERTS:
                    return None
                if not purse.affords(1 if made else REVERT_RUNS):
                    return None
                return Measure(reverted, "revert", f"the winner without {flag}")
            return Attribute(
                FlagEffect(
                    flag=flag,
                    value=winner.configuration[flag],
                    runs=tuple(e.number for e in fresh),
                    feasible=bool(fresh) and all(held(e) for e in fresh),
                    gain=compare(
                        runs,
                        fresh,
                        self.task.optimization.objective,
                        resolution=self._resolution,
                    ),
                )
            )
        return None

    def _flags(self, view: View, winner: Experiment) -> list[str]:
        """Return the flags of the winner that are worth setting back, most important first."""
        key = self.space.key(winner.configuration)
        searched = [e for e in view.over if e.origin in {"baseline", "search"}]
        telling = [
            flag
            for flag in self.ranking(searched, winner)
            if winner.configuration.get(flag) is not None
            and self.space.key(self._without(flag, winner.configuration)) != key
        ]
        return telling[: self.task.optimization.reverts]

    def _without(self, flag: str, configuration: Configuration) -> Configuration:
        """Return the configuration without the flag, and without those that wait for it."""
        values = {name: value for name, value in configuration.items() if name != flag}
        while idle := [
            name
            for name in values
            if name in self.space.parameters and not self.space.active(name, values)
        ]:
            for name in idle:
                del values[name]
        return Configuration(values)


def _broken(runs: Sequence[Experiment]) -> bool:
    """Return whether a configuration cannot be measured, which one launch is enough to know."""
    return any(run.failure is not None for run in runs)
