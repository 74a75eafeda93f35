"""Effects at the recommended configuration: by fresh single reverts, elsewhere by the model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.events import Experiment, FlagEffect
from core.report.alternatives import latency_metric
from core.report.conclusion import Conclusion
from core.report.quantities import LATENCIES
from core.search import Space
from core.task import Configuration, FlagValue
from core.verdict import objective_metric
from core.verdict.effects import Effect, Interaction, fresh_effect, with_fresh
from core.verdict.repeats import pooled_noise

if TYPE_CHECKING:
    from core.search.effects import LocalEffects

MOST_EXPERIMENTS = 100
"""Experiments that the model is fitted to: its time grows with their cube, and what is far away
says little of what a single flag does here."""


@dataclass(frozen=True)
class EffectsFound:
    """What is known of single flags."""

    effects: tuple[Effect, ...] = ()
    interactions: tuple[Interaction, ...] = ()
    unknown: str = ""
    """Why nothing is known; empty where something is."""


def effects_of(
    conclusion: Conclusion, recommended: Experiment | None, defaults: Mapping[str, FlagValue]
) -> EffectsFound:
    """Return the effects on the objectives and on every latency that has an SLO.

    A latency is looked at where the recommended configuration is worst, as its SLO is.

    Args:
        recommended: the experiment to look from; None: there is none.
        defaults: what the engine assumes for flags that are left out.
    """
    from core.search.effects import local_effects  # takes as long to import as all the rest

    if recommended is None or not recommended.measured:
        return EffectsFound(unknown="nothing was measured")
    parameters = conclusion.task.task.parameters
    at = Configuration({f: v for f, v in recommended.configuration.items() if f in parameters})
    space = Space.of(parameters, lambda configuration: configuration.key, defaults)
    experiments = _nearby([e for e in conclusion.experiments if e.origin != "soak"], at)
    modelled: list[Effect] = []
    fresh: list[Effect] = []
    interactions: list[Interaction] = []
    unknown = ""
    metrics = _metrics(conclusion)
    for metric in metrics:
        level = _worst_level(recommended, metric)
        found = local_effects(space, experiments, at, metric, level)
        unknown = unknown or found.lacking or ""
        modelled += [
            Effect(
                flag=effect.parameter,
                value=effect.instead_of,
                other=effect.value,
                metric=metric,
                change=effect.change,
                low=effect.interval[0],
                high=effect.interval[1],
                basis="model",
            )
            for effect in found.effects
            if effect.tried or effect.certain  # of a value that nobody measured, less is no news
        ]
        interactions += _interactions(found, at)
        fresh += _fresh(conclusion, recommended, metric, level, defaults, len(metrics))
    # What could not be measured has no figures, whatever the model makes of its neighbours.
    lost = {
        (effect.flag, repr(_reverted(effect, defaults)))
        for effect in conclusion.state.effects.values()
        if effect.gain is None and _is_chosen(conclusion, recommended)
    }
    known = [effect for effect in modelled if (effect.flag, repr(effect.other)) not in lost]
    effects = with_fresh(known, fresh)
    return EffectsFound(effects, tuple(interactions), "" if effects else unknown)


def _nearby(experiments: Sequence[Experiment], at: Configuration) -> list[Experiment]:
    """Return the experiments that the model can take, those that differ in the fewest flags."""
    if len(experiments) <= MOST_EXPERIMENTS:
        return list(experiments)

    def distance(experiment: Experiment) -> int:
        other = experiment.configuration
        return sum(repr(at.get(flag)) != repr(other.get(flag)) for flag in {*at, *other})

    return sorted(experiments, key=lambda e: (distance(e), e.number))[:MOST_EXPERIMENTS]


def _metrics(conclusion: Conclusion) -> tuple[str, ...]:
    task = conclusion.task.task
    aims = map(objective_metric, task.optimization.objectives)
    return tuple(dict.fromkeys([*aims, latency_metric(task), *task.slo.targets()]))


def _worst_level(experiment: Experiment, metric: str) -> int | None:
    """Return the level at which a latency is worst; None, all levels, for any other metric."""
    if metric not in LATENCIES:
        return None
    known = [(f, s.index) for s in experiment.sub_rounds if (f := s.metric(metric)) is not None]
    return max(known)[1] if known else None


def _figures(runs: Sequence[Experiment], metric: str, level: int | None) -> list[float]:
    """Return a metric of each run, at a level or as the mean over all."""
    figures = []
    for run in runs:
        known = [s.metric(metric) for s in run.sub_rounds if level in {None, s.index}]
        told = [figure for figure in known if figure is not None]
        if told and len(told) == len(known) and min(told) > 0:
            figures.append(sum(told) / len(told))
    return figures


def _fresh(
    conclusion: Conclusion,
    recommended: Experiment,
    metric: str,
    level: int | None,
    defaults: Mapping[str, FlagValue],
    metrics: int,
) -> list[Effect]:
    """Return the effects that launches with a single flag set back show, one of so many metrics."""
    state, confirmation = conclusion.state, conclusion.confirmation
    chosen = confirmation.chosen if confirmation else None
    if confirmation is None or chosen is None or not _is_chosen(conclusion, recommended):
        return []
    sides = [*confirmation.contenders, *([confirmation.defaults] if confirmation.defaults else [])]
    repeats = [
        _figures([state.experiments[n] for n in side.runs], metric, level)
        for side in sides
        if side is not chosen
    ]
    rivals = sum(bool(side.runs) and side.feasible for side in confirmation.contenders)
    own = _figures([state.experiments[n] for n in chosen.runs], metric, level)
    found = []
    for effect in state.effects.values():
        made = fresh_effect(
            effect.flag,
            effect.value,
            _reverted(effect, defaults),
            metric,
            recommended=own,
            reverted=_figures([state.experiments[n] for n in effect.runs], metric, level),
            noise=pooled_noise(repeats),
            degrees=sum(len(group) - 1 for group in repeats if group),
            chances=metrics * max(1, rivals),
        )
        found += [made] if made else []
    return found


def _is_chosen(conclusion: Conclusion, recommended: Experiment) -> bool:
    """Return whether the recommended configuration is the one whose flags were set back.

    Where the defaults are recommended, nobody reverted a flag of theirs.
    """
    chosen = conclusion.confirmation.chosen if conclusion.confirmation else None
    return chosen is not None and chosen.configuration == recommended.configuration


def _reverted(effect: FlagEffect, defaults: Mapping[str, FlagValue]) -> FlagValue:
    """Return what a flag was set back to, the engine's own default by its value if it is known."""
    return defaults.get(effect.flag) if effect.reverted is None else effect.reverted


def _interactions(found: "LocalEffects", at: Configuration) -> list[Interaction]:
    alone = {(e.parameter, repr(e.value)): e.change for e in found.effects}
    told = []
    for interaction in found.interactions:
        first, second = interaction.parameters
        one, other = interaction.values
        singles = (alone.get((first, repr(one)), 0.0), alone.get((second, repr(other)), 0.0))
        together = (1 + singles[0]) * (1 + singles[1]) * (1 + interaction.change) - 1
        told.append(
            Interaction(
                flags=(first, second),
                values=(at.get(first), at.get(second)),
                others=(one, other),
                metric=found.metric,
                alone=singles,
                together=together,
                low=interaction.interval[0],
                high=interaction.interval[1],
            )
        )
    return told
