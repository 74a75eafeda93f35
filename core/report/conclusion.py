"""What a run amounts to, in numbers and in one honest sentence. The same for every format."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from core.events import (
    Confirmation,
    Contender,
    Experiment,
    Gain,
    Outcome,
    RunState,
    SloVerdict,
)
from core.report import figures
from core.store import StoredTask
from core.verdict import gain, objective_metric, rank_key
from core.verdict.failures import varied_flags

INDISTINCT = 0.03
"""Gains up to this share that no fresh launches confirmed are called none. Repetitions of one
configuration vary by 1.1 % in the median and by 3.1 % at worst (coefficient of variation; trials of
vLLM on one A100 that the SLO-Guard project recorded)."""


@dataclass(frozen=True)
class Conclusion:
    """A run, looked at from its end or from where it stands."""

    task: StoredTask
    state: RunState

    @cached_property
    def experiments(self) -> tuple[Experiment, ...]:
        """Every experiment, by number."""
        return tuple(self.state.experiments[n] for n in sorted(self.state.experiments))

    @cached_property
    def ranked(self) -> tuple[Experiment, ...]:
        """Every experiment, the best first; a soak, of one load level alone, ranks with none."""
        return tuple(
            sorted(
                self.experiments, key=lambda e: (e.origin == "soak", rank_key(e.verdict), e.number)
            )
        )

    @property
    def winner(self) -> Experiment | None:
        """The best of the feasible experiments, however little better it is; None without one."""
        return self.state.best

    @cached_property
    def recommended(self) -> Experiment | None:
        """The experiment to hand back: the winner, or the baseline if it is as good."""
        return self.baseline if self.keep_defaults else self.winner

    @cached_property
    def baseline(self) -> Experiment | None:
        """The experiment that measured the engine's defaults."""
        return baseline_of(self.experiments)

    @property
    def confirmation(self) -> Confirmation | None:
        """What fresh launches proved of the winner; None while that is open."""
        return self.state.confirmation

    @property
    def confirmed(self) -> Gain | None:
        """The winner's gain over the defaults by fresh launches of both; None without enough."""
        confirmation = self.confirmation
        if confirmation is None or confirmation.status == "unconfirmed":
            return None
        return confirmation.chosen.gain if confirmation.chosen else None

    @property
    def gain(self) -> float | None:
        """How much better the winner's objective is than the baseline's, as a share of it.

        By fresh launches where there were enough, else as the search saw it.
        """
        return self.confirmed.share if self.confirmed else gain_over(self.winner, self.baseline)

    @cached_property
    def soak(self) -> Experiment | None:
        """The long measurement of what is recommended; None where none was made, or it is open."""
        chosen = self.recommended
        made = (e for e in self.experiments if e.origin == "soak" and e.measured)
        return next((e for e in made if chosen and e.configuration == chosen.configuration), None)

    @property
    def keep_defaults(self) -> bool:
        """Whether nothing is clearly better than defaults that keep the SLOs as well."""
        if self.winner is None or self.gain is None or self.defaults_fall_short:
            return False
        if self.winner is self.baseline:
            return True
        if self.confirmed and self.confirmation:
            return self.confirmation.status != "better"
        return self.gain <= INDISTINCT

    @cached_property
    def defaults_fall_short(self) -> bool:
        """Whether the defaults keep the SLOs less well than the winner, on every fresh launch."""
        winner, baseline = self.winner, self.baseline
        if winner is None or baseline is None or not (winner.verdict and baseline.verdict):
            return False
        if self.confirmation is not None and self.confirmation.status == "alone":
            return True
        ours, theirs = (
            [e.verdict for e in self.fresh(one) or [one] if e.verdict] for one in (winner, baseline)
        )
        if any(verdict.feasible for verdict in theirs):
            least = min(verdict.violation for verdict in theirs)
            return least > max((verdict.violation for verdict in ours), default=0.0)
        return True

    def fresh(self, experiment: Experiment) -> list[Experiment]:
        """Return the fresh launches of an experiment's configuration that were measured."""
        confirmation = self.confirmation
        if confirmation is None:
            return []
        defaults = [confirmation.defaults] if confirmation.defaults else []
        told = [*confirmation.contenders, *defaults]
        numbers = [n for c in told if c.configuration == experiment.configuration for n in c.runs]
        made = (self.state.experiments[number] for number in dict.fromkeys(numbers))
        return [launch for launch in made if launch.measured]

    @property
    def simulated(self) -> bool:
        """Whether the figures come from a model of a machine."""
        return self.state.began is not None and self.state.began.simulated

    @property
    def without_gpu(self) -> bool:
        """Whether the machine has no GPU, and none is played."""
        return bool(self.state.hosts) and not self.state.hosts[-1].gpus and not self.simulated

    @property
    def per_server(self) -> str:
        """What to know of an objective that is given per GPU, on a machine without; else empty."""
        metric = objective_metric(self.task.task.optimization.objective)
        if not self.without_gpu or not metric.endswith("_per_gpu"):
            return ""
        return "This machine has no GPU: what is given per GPU is of the whole server."

    @cached_property
    def varied(self) -> tuple[str, ...]:
        """The flags that not all experiments have in common, in the order of the task."""
        return varied_flags(self.experiments)

    @property
    def elapsed(self) -> float:
        """Seconds that the experiments took, added up."""
        return sum((e.ended_at or e.phase_began_at) - e.began_at for e in self.experiments)

    @property
    def headline(self) -> str:
        """The result in one sentence that claims no more than was measured."""
        if self.winner is not None:
            return self._of_winner(self.winner)
        if not self.experiments:
            return "No experiment was made."
        measured = [e for e in self.experiments if e.verdict and e.verdict.value is not None]
        if not measured and all(e.failure is None for e in self.experiments):
            return "Nothing was measured yet."
        if not measured:
            return "No configuration could be measured."
        nearest = min(measured, key=lambda e: (rank_key(e.verdict), e.number))
        assert nearest.verdict is not None
        why = "; ".join(map(_excess, (slo for slo in nearest.verdict.slos if slo.broken)))
        why = why or "; ".join(reasons_in_words(nearest.verdict.reasons))
        if nearest.verdict.feasible:
            fallen = self.confirmation.contenders if self.confirmation else ()
            told = [r for c in fallen if c.experiment == nearest.number for r in c.reasons]
            why = "; ".join(reasons_in_words(told))
            why = f"it did in the search, and not when it was launched anew ({why})"
        return f"No configuration holds the SLOs. Experiment {nearest.number} is nearest: {why}."

    def _of_winner(self, winner: Experiment) -> str:
        subject = f"Experiment {winner.number}"
        baseline, gain = self.baseline, self.gain
        if winner is baseline:
            others = len({e.configuration for e in self.experiments if e.measured}) - 1
            if self.confirmation is not None and self.confirmation.contenders:
                return f"Keep the defaults: {figures.with_titles(self.confirmation.reason)}."
            if others == 0:
                return f"Only the defaults are measured: {_value(winner)}."
            if others == 1:
                return "Keep the defaults: the one other measured configuration is no better."
            return f"Keep the defaults: none of {others} other measured configurations is better."
        if baseline is None:
            why = "No baseline was measured to compare."
            return f"{subject} is the best: {_value(winner)}. {why}{self._proviso}"
        if baseline.verdict is None or gain is None:
            why = outcome_in_words(baseline)
            said = f"{subject} is the best: {_value(winner)}. The defaults have no figures: {why}."
            return f"{said}{self._proviso}"
        against = f"{_value(winner)} instead of {_value(baseline)}"
        if self.confirmed and not self.defaults_fall_short:
            return self._of_confirmed(winner, self.confirmed)
        if self.defaults_fall_short:
            holds = winner.verdict is not None and winner.verdict.violation == 0
            manner = "holds the SLOs, which" if holds else "comes closer to the SLOs, which"
            return f"{subject} {manner} the defaults break: {against}.{self._proviso}"
        if self.keep_defaults:
            return (
                f"Keep the defaults: experiment {winner.number} gains "
                f"{figures.percentage(gain, signed=True)} ({against}), which is within the error "
                "of measuring twice."
            )
        better = f"{subject} is {figures.percentage(gain)} better than the defaults"
        return f"{better}: {against}.{self._proviso}"

    @property
    def _proviso(self) -> str:
        """What has to be added to a gain that fresh launches did not confirm."""
        return f" This is not confirmed: {self.unconfirmed}." if self.unconfirmed else ""

    @property
    def unconfirmed(self) -> str:
        """Why fresh launches did not confirm the winner; empty while that is open, or they did."""
        confirmation, winner = self.confirmation, self.winner
        if winner is None or winner is self.baseline or self.task.task.expect is not None:
            return ""
        if confirmation is None and self.state.ended is not None:
            return "the run ended before anything was launched anew"
        if confirmation is None or confirmation.status not in {"unconfirmed", "infeasible"}:
            return ""
        if confirmation.status == "infeasible":
            # The budget ended before it was its turn to take the place of those that fell.
            return "it was not launched anew, and what was did not keep the hard SLOs"
        return figures.with_titles(confirmation.reason)

    def _of_confirmed(self, winner: Experiment, gain: Gain) -> str:
        confirmation = self.confirmation
        assert confirmation is not None
        subject = f"experiment {winner.number}"
        against = (
            f"{self._fresh(confirmation.chosen)} instead of {self._fresh(confirmation.defaults)}, "
            f"{gain.repeats} fresh launches against {gain.control}"
        )
        low, high = (figures.percentage(end, signed=True) for end in (gain.low, gain.high))
        if confirmation.status == "better":
            return (
                f"{subject.capitalize()} is {figures.percentage(gain.share)} better than the "
                f"defaults ({low} to {high}): {against}."
            )
        less = "worse" if confirmation.status == "worse" else "not distinguishable from them"
        return f"Keep the defaults: {subject} is {less} ({low} to {high}; {against})."

    def _fresh(self, contender: Contender | None) -> str:
        assert contender is not None
        return figures.objective(self.task.task.optimization.objective, contender.value)


def baseline_of(experiments: Iterable[Experiment]) -> Experiment | None:
    """Return the experiment that measured the defaults; failing that, one that was to."""
    tried = [experiment for experiment in experiments if experiment.origin == "baseline"]
    return next((e for e in tried if e.measured), tried[-1] if tried else None)


def gain_over(winner: Experiment | None, baseline: Experiment | None) -> float | None:
    """Return the gain of one experiment over another, as a share; None where it is not known."""
    if winner is None or baseline is None or winner.verdict is None or baseline.verdict is None:
        return None
    return gain(winner.verdict, baseline.verdict)


def reasons_in_words(reasons: Iterable[str]) -> list[str]:
    """Return why something is not feasible, with metrics called as everywhere in a report."""
    return [figures.with_titles(one) for reason in reasons for one in reason.split("; ")]


def outcome_in_words(experiment: Experiment) -> str:
    """Return how an experiment ended, or which phase it is in, in two or three words."""
    match experiment.outcome:
        case None:
            return experiment.phase.value
        case Outcome.FAILED if experiment.failure is not None:
            return experiment.failure.kind.replace("_", " ")
        case Outcome.INFEASIBLE:
            return "breaks SLO"
        case Outcome.PRUNED:
            return "stopped early"
        case outcome:
            return outcome.value


def _excess(slo: SloVerdict) -> str:
    title, limit = figures.metric_title(slo.metric), figures.metric(slo.metric, slo.threshold)
    if slo.actual is None:
        return f"{title} could not be measured"
    over = f"{slo.violation * 100:,.0f} % over {limit}"
    return f"{title} of {figures.metric(slo.metric, slo.actual)}, {over}"


def _value(experiment: Experiment) -> str:
    verdict = experiment.verdict
    assert verdict is not None
    return figures.objective(verdict.objective, verdict.value)
