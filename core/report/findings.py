"""What a run teaches: what to deploy, what it gains and costs, why things failed, what matters.

One frozen object of plain figures, for every format and screen. `core.report.wording` puts its
parts into sentences. Nothing in it claims more than was measured: a gain without fresh repeats has
no interval, a trait that three cases share says that they are three.
"""

from collections.abc import Mapping, Sequence

from core.engines.registry import ENGINES
from core.events import Argument, Confirmation, Experiment, FlagEffect, Gain, Outcome
from core.report import figures
from core.report.alternatives import Alternative, Front, alternatives, front_of
from core.report.conclusion import Conclusion
from core.report.local_effects import effects_of
from core.report.manifest import Manifest, manifest
from core.report.standing import Standing, standing
from core.task import FlagValue, Frozen, Objective
from core.verdict import rank_key
from core.verdict.effects import Effect, Interaction, inseparable
from core.verdict.failures import FailureGroup, failure_groups

DRIFTED = 0.03
"""Drift of the defaults' figure that is told: more than noise alone makes of it."""


class Caution(Frozen):
    """Something that a reader has to know before trusting the figures."""

    text: str
    """A sentence."""
    experiment: int | None = None
    """The experiment it is about; None: the whole run."""


class NotInForce(Frozen):
    """A flag that servers did not run with as they were asked to."""

    flag: str
    """The flag's name without its dashes."""
    asked: FlagValue
    """What was asked for; None: left out."""
    in_force: FlagValue
    """What they ran with."""
    experiments: tuple[int, ...]
    """Numbers of those whose servers said so."""


class Findings(Frozen):
    """The page that a person would write from the data."""

    headline: str
    """The result in one sentence; begins with "Keep the defaults" where they are as good."""
    objective: Objective
    """What the run improves, the first of several."""
    simulated: bool
    """Whether the figures come from a model of a machine."""
    keep_defaults: bool
    """Whether nothing is clearly better than defaults that hold the SLOs."""
    defaults_fall_short: bool
    """Whether the best holds SLOs that the defaults break."""
    recommended: Standing | None
    """What to deploy; None where nothing is feasible."""
    baseline: Standing | None
    """The engine's defaults; None where they were not measured."""
    gain: float | None
    """Of the best configuration over the defaults, as a share; None where one is missing."""
    confirmation: Confirmation | None
    """What fresh launches of the best and of the defaults proved; None while that is open."""
    unconfirmed: str
    """Why fresh launches did not confirm the gain, in a phrase; empty where they did, or may."""
    alternatives: tuple[Alternative, ...]
    """What is better than the recommended one in a single respect."""
    front: Front
    """What none beats in one metric without losing in another."""
    failures: tuple[FailureGroup, ...]
    """The largest group first."""
    effects: tuple[Effect, ...]
    """At the configuration of experiment `looked_from`, the strongest flag first."""
    looked_from: int | None
    """The recommended experiment; where nothing is feasible, the nearest to it."""
    interactions: tuple[Interaction, ...]
    """Pairs of flags whose joint effect is proved, or may be large; the strongest first."""
    inseparable: tuple[tuple[str, ...], ...]
    """Flags that always changed together."""
    needed: tuple[FlagEffect, ...]
    """Flags of the winner without which an SLO breaks, or nothing could be measured."""
    not_in_force: tuple[NotInForce, ...]
    """Flags that were dropped or changed in silence: figures of another value than was asked."""
    unknown_effects: str
    """Why no effects can be told; empty where they are."""
    cautions: tuple[Caution, ...]
    """What has to be known before trusting the figures."""
    manifest: Manifest
    """Where every figure comes from."""

    @property
    def confirmed(self) -> Gain | None:
        """The gain with its interval, from fresh launches; None where it is not confirmed."""
        if self.confirmation is None or self.confirmation.status == "unconfirmed":
            return None
        return self.confirmation.chosen.gain if self.confirmation.chosen else None


def findings(conclusion: Conclusion) -> Findings:
    """Return the findings of a run, over or under way."""
    task, confirmation = conclusion.task.task, conclusion.confirmation
    experiments = conclusion.experiments
    recommended, baseline = conclusion.recommended, conclusion.baseline
    feasible = [e for e in experiments if _deployable(e, confirmation)]
    defaults = engine_defaults(task.base_runtime, conclusion.varied)
    measured = [e.configuration for e in experiments if e.measured]
    subject = recommended or _nearest(experiments)
    known = effects_of(conclusion, subject, defaults)
    return Findings(
        headline=conclusion.headline,
        objective=task.optimization.objective,
        simulated=conclusion.simulated,
        keep_defaults=conclusion.keep_defaults,
        defaults_fall_short=conclusion.defaults_fall_short,
        recommended=_standing(recommended, conclusion),
        baseline=_standing(baseline, conclusion),
        gain=conclusion.gain,
        confirmation=confirmation,
        unconfirmed=conclusion.unconfirmed,
        alternatives=_alternatives(feasible, conclusion),
        front=front_so_far(conclusion),
        failures=failure_groups(experiments, defaults),
        effects=known.effects,
        looked_from=subject.number if subject and known.effects else None,
        interactions=known.interactions,
        inseparable=inseparable(
            [{f: c.get(f, defaults.get(f)) for f in conclusion.varied} for c in measured],
            conclusion.varied,
        ),
        needed=tuple(
            effect
            for effect in conclusion.state.effects.values()
            if effect.gain is None or not effect.feasible
        ),
        not_in_force=not_in_force(experiments),
        unknown_effects=known.unknown,
        cautions=cautions(conclusion),
        manifest=manifest(conclusion),
    )


def front_so_far(conclusion: Conclusion) -> Front:
    """Return the Pareto front of what could be deployed."""
    known = [e for e in conclusion.experiments if _deployable(e, conclusion.confirmation)]
    return front_of(known, conclusion.task.task, conclusion.fresh)


def _nearest(experiments: Sequence[Experiment]) -> Experiment | None:
    """Return the measured experiment that comes nearest to holding the SLOs."""
    measured = [experiment for experiment in experiments if experiment.measured]
    return min(measured, key=lambda e: (rank_key(e.verdict), e.number), default=None)


def _alternatives(
    feasible: Sequence[Experiment], conclusion: Conclusion
) -> tuple[Alternative, ...]:
    if conclusion.recommended is None:
        return ()
    noise = noise_between(conclusion.confirmed)
    task = conclusion.task.task
    return alternatives(feasible, conclusion.recommended, task, conclusion.fresh, noise=noise)


def noise_between(confirmed: Gain | None) -> float:
    """Return the share by which two single measurements of one configuration may differ."""
    # Their difference is off by √2 of one's error.
    return 0.05 if confirmed is None else max(0.03, 2 * 2**0.5 * confirmed.noise)


def _standing(experiment: Experiment | None, conclusion: Conclusion) -> Standing | None:
    if experiment is None or not experiment.measured:
        return None
    found = standing(experiment, conclusion.task.task, conclusion.fresh(experiment))
    if conclusion.without_gpu:
        return found.model_copy(update={"costs": found.costs.model_copy(update={"gpus": 0})})
    return found


def _deployable(experiment: Experiment, confirmation: Confirmation | None) -> bool:
    """Return whether the search found it feasible, and no fresh launch has shown otherwise."""
    if experiment.outcome is not Outcome.OK or experiment.origin not in {"baseline", "search"}:
        return False
    contenders = confirmation.contenders if confirmation else ()
    return all(
        c.feasible for c in contenders if c.configuration == experiment.configuration and c.runs
    )


def engine_defaults(engine: str, flags: Sequence[str]) -> Mapping[str, FlagValue]:
    """Return what an engine assumes where these flags are left out, as far as is known."""
    known = ENGINES.get(engine)
    catalogue = known.catalogue if known else None
    if catalogue is None:
        return {}
    found = {flag: catalogue.find(flag) for flag in flags}
    return {name: flag.default for name, flag in found.items() if flag and flag.default is not None}


def not_in_force(experiments: Sequence[Experiment]) -> tuple[NotInForce, ...]:
    """Return the flags that servers did not run with as asked, by value, in order of appearance."""
    found: dict[tuple[str, str], tuple[Argument, list[int]]] = {}
    for experiment in experiments:
        for argument in experiment.in_force.arguments if experiment.in_force else ():
            if argument.differs:
                _, numbers = found.setdefault((argument.flag, argument.told), (argument, []))
                numbers.append(experiment.number)
    return tuple(
        NotInForce(flag=a.flag, asked=a.asked, in_force=a.in_force, experiments=tuple(numbers))
        for a, numbers in found.values()
    )


def cautions(conclusion: Conclusion) -> tuple[Caution, ...]:
    """Return what a reader has to know: of the whole run first, then experiment by experiment."""
    found = []
    if conclusion.simulated:
        found.append(Caution(text="the figures are simulated: they come from a model of a machine"))
    if conclusion.state.ended is None:
        found.append(Caution(text="the run is not over: these are the findings so far"))
    search = conclusion.state.search
    if search is not None and search.drift is not None and abs(search.drift) > DRIFTED:
        share = figures.percentage(search.drift, signed=True)
        found.append(
            Caution(text=f"the engine's defaults drifted by {share} in the course of the run")
        )
    if _reverts_missing(conclusion):
        text = (
            "no flag of the winner was set back on fresh launches, as the budget left no room: "
            "what single flags bring is the model's estimate (`budget.experiments` allows more)"
        )
        found.append(Caution(text=text))
    for experiment in conclusion.experiments:
        changed = experiment.in_force.arguments if experiment.in_force else ()
        elsewhere = {argument.told for argument in changed if argument.differs}
        warnings = (w for w in experiment.warnings if w not in elsewhere)
        found += [Caution(text=w, experiment=experiment.number) for w in warnings]
        notes = dict.fromkeys(note for s in experiment.sub_rounds for note in s.notes)
        found += [Caution(text=note, experiment=experiment.number) for note in notes]
        strangers = dict.fromkeys(p for s in experiment.sub_rounds for p in s.contaminated_by)
        if strangers:
            found.append(
                Caution(
                    text=f"others computed on its GPUs: {'; '.join(strangers)}",
                    experiment=experiment.number,
                )
            )
    return tuple(found)


def _reverts_missing(conclusion: Conclusion) -> bool:
    """Return whether flags of a proved winner were to be set back, and the run ended without."""
    ended, confirmation = conclusion.state.ended, conclusion.confirmation
    return (
        ended is not None
        and ended.state == "finished"
        and confirmation is not None
        and confirmation.status in {"better", "alone"}
        and conclusion.recommended is not None
        and bool(conclusion.recommended.configuration)
        and conclusion.task.task.optimization.reverts > 0
        and not conclusion.state.effects
    )
