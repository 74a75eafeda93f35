"""What a run teaches: what to deploy, what it gains and costs, why things failed, what matters.

One frozen object of plain figures, for every format and screen. `core.report.wording` puts its
parts into sentences. Nothing in it claims more than was measured: a gain without fresh repeats has
no interval, a trait that three cases share says that they are three.
"""

from collections.abc import Mapping

from core.engines.registry import ENGINES
from core.events import Outcome
from core.report.alternatives import Alternative, Front, alternatives, front_of
from core.report.conclusion import Conclusion
from core.report.manifest import Manifest, manifest
from core.report.standing import Gain, Standing, standing
from core.task import FlagValue, Frozen, Objective
from core.verdict.effects import Effect, Interaction, inseparable
from core.verdict.failures import FailureGroup, failure_groups


class Caution(Frozen):
    """Something that a reader has to know before trusting the figures."""

    text: str
    """A sentence."""
    experiment: int | None = None
    """The experiment it is about; None: the whole run."""


class Findings(Frozen):
    """The page that a person would write from the data."""

    headline: str
    """The result in one sentence; begins with "Keep the defaults" where they are as good."""
    objective: Objective
    simulated: bool
    keep_defaults: bool
    recommended: Standing | None
    """What to deploy; None where nothing is feasible."""
    baseline: Standing | None
    """The engine's defaults; None where they were not measured."""
    gain: Gain | None
    """Of the best experiment over the defaults; None where one of the two is missing."""
    alternatives: tuple[Alternative, ...]
    front: Front
    failures: tuple[FailureGroup, ...]
    """The largest group first."""
    effects: tuple[Effect, ...]
    """At the recommended configuration, the strongest flag first."""
    interactions: tuple[Interaction, ...]
    inseparable: tuple[tuple[str, ...], ...]
    """Flags that always changed together."""
    unknown_effects: str
    """Why no effects can be told; empty where they are."""
    cautions: tuple[Caution, ...]
    manifest: Manifest


def findings(conclusion: Conclusion) -> Findings:
    """Return the findings of a run, over or under way."""
    task = conclusion.task.task
    experiments = conclusion.experiments
    recommended, baseline = conclusion.recommended, conclusion.baseline
    feasible = [e for e in experiments if e.outcome is Outcome.OK]
    defaults = engine_defaults(task.base_runtime)
    measured = [e.configuration for e in experiments if e.measured]
    return Findings(
        headline=conclusion.headline,
        objective=task.optimization.objective,
        simulated=conclusion.simulated,
        keep_defaults=conclusion.keep_defaults,
        recommended=standing(recommended, task) if recommended else None,
        baseline=standing(baseline, task) if baseline and baseline.measured else None,
        gain=None if conclusion.gain is None else Gain(share=conclusion.gain),
        alternatives=alternatives(feasible, recommended, task) if recommended else (),
        front=front_of(feasible, task),
        failures=failure_groups(experiments, defaults),
        effects=(),
        interactions=(),
        inseparable=inseparable(
            [{f: c.get(f, defaults.get(f)) for f in conclusion.varied} for c in measured],
            conclusion.varied,
        ),
        unknown_effects="",
        cautions=cautions(conclusion),
        manifest=manifest(conclusion.task, conclusion.state),
    )


def engine_defaults(engine: str) -> Mapping[str, FlagValue]:
    """Return what an engine assumes for a flag that is left out, as far as its catalogue knows."""
    known = ENGINES.get(engine)
    catalogue = known.catalogue if known else None
    if catalogue is None:
        return {}
    return {flag.name: flag.default for flag in catalogue.flags if flag.default is not None}


def cautions(conclusion: Conclusion) -> tuple[Caution, ...]:
    """Return what a reader has to know: of the whole run first, then experiment by experiment."""
    found = []
    if conclusion.simulated:
        found.append(Caution(text="the figures are simulated: they come from a model of a machine"))
    if conclusion.state.ended is None:
        found.append(Caution(text="the run is not over: these are the findings so far"))
    for experiment in conclusion.experiments:
        found += [Caution(text=w, experiment=experiment.number) for w in experiment.warnings]
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
