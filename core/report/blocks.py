"""The report as a list of blocks, for formats that are text: Markdown and the terminal."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from core.events import Experiment
from core.report import figures, front_words, manifest_words, wording
from core.report.characters import BEST, outcome_symbol
from core.report.conclusion import Conclusion, outcome_in_words
from core.report.findings import Findings, noise_between
from core.report.handover import documents
from core.task import Objective, spell
from core.verdict import maximised, objective_metric

MOST_ROWS = 50


@dataclass(frozen=True)
class Heading:
    """The beginning of a section; level 1 is the whole report's."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Words:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Grid:
    """A table."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Code:
    """Text to be copied as it stands."""

    text: str
    language: str = "sh"


Block: TypeAlias = Heading | Words | Bullets | Grid | Code


def blocks(conclusion: Conclusion, found: Findings, *, experiments: bool = True) -> Iterator[Block]:
    """Yield the report of a run; sections with nothing to tell are left out.

    Args:
        experiments: whether the table of all experiments is wanted.
    """
    known = found.manifest
    engine = " ".join(filter(None, (known.engine, known.engine_version)))
    yield Heading(f"{known.task}: {engine}, {known.model}", 1)
    yield Words(found.headline)
    if conclusion.per_server:
        yield Words(conclusion.per_server)
    if found.simulated:
        yield Words("These figures are simulated: they come from a model of a machine.")
    if found.confirmed is not None and not (found.keep_defaults or found.defaults_fall_short):
        yield Words(f"It is {wording.probability(found.confirmed)}.")
    elif (gain := wording.gain(found)) and found.defaults_fall_short:
        yield Words(f"Its objective against that of the defaults: {gain}.")
    if soak := wording.soak(conclusion):
        yield Words(soak)
    yield from _standing(found)
    yield from _launch(conclusion, found)
    yield from _effects(found)
    yield from _failures(found)
    yield from _alternatives(conclusion, found)
    if experiments:
        yield from _experiments(conclusion)
    if found.cautions:
        yield Heading("Before you trust the figures")
        yield Bullets(wording.cautions(found.cautions))
    yield Heading("Manifest")
    yield Grid(("", ""), manifest_words.facts(known))
    if rows := manifest_words.arguments(known):
        yield Words(manifest_words.ARGUMENTS)
        yield Grid(manifest_words.ARGUMENT_HEADS, rows)


def _standing(found: Findings) -> Iterator[Block]:
    chosen, baseline = found.recommended, found.baseline
    if chosen is None:
        return
    sides = [dict(wording.standing(chosen, found.objective))]
    heads = [f"experiment {chosen.experiment}"]
    if baseline is not None and baseline.configuration != chosen.configuration:
        sides.append(dict(wording.standing(baseline, found.objective)))
        heads.append("engine defaults")
    names = dict.fromkeys(name for side in sides for name in side)
    yield Heading("What to deploy")
    yield Grid(("", *heads), tuple((n, *(side.get(n, "–") for side in sides)) for n in names))


def _launch(conclusion: Conclusion, found: Findings) -> Iterator[Block]:
    files = documents(conclusion, found)
    if files:
        yield Heading("Launch command", 3)
        yield Code(files[0].text.rstrip())


def _effects(found: Findings) -> Iterator[Block]:
    told = [wording.effect(effect) for effect in found.effects if effect.proved]
    told += [wording.needed(effect) for effect in found.needed]
    told += [wording.interaction(i) for i in found.interactions if i.proved]
    told += [wording.not_in_force(changed) for changed in found.not_in_force]
    told += [wording.inseparable(flags) for flags in found.inseparable]
    if found.unknown_effects:
        told.append(f"No effects can be told: {found.unknown_effects}.")
    if without := wording.without_effect(found):
        told.append(without)
    if told:
        yield Heading("Which flags matter")
        yield Bullets(tuple(told))


def _failures(found: Findings) -> Iterator[Block]:
    if found.failures:
        yield Heading("Why experiments failed")
    for group in found.failures:
        count = len(group.cases)
        many = f"{count} experiment{'s' * (count != 1)}"
        yield Heading(f"{wording.group_name(group)} ({many})", 3)
        advice = wording.advice(group)
        yield Bullets((*wording.group_findings(group), *([f"Try: {advice}."] if advice else [])))
        yield Grid(("#", "what happened", "evidence"), wording.cases(group))


def _alternatives(conclusion: Conclusion, found: Findings) -> Iterator[Block]:
    front = front_words.tells(found.front, noise_between(found.confirmed))
    if not found.alternatives and not front:
        return
    yield Heading("Alternatives")
    if found.alternatives:
        yield Bullets(tuple(wording.alternative(a) for a in found.alternatives))
    if front:
        yield Words(front_words.reading(found.front))
        rows = front_words.rows(found.front, conclusion.state.experiments)
        yield Grid(front_words.titles(found.front), rows)


def _experiments(conclusion: Conclusion) -> Iterator[Block]:
    if not conclusion.experiments:
        return
    task = conclusion.task.task
    metrics, objective = tuple(task.slo.targets()), task.optimization.objective
    ranked = conclusion.ranked

    def row(experiment: Experiment) -> tuple[str, ...]:
        made = "" if experiment.origin in {"baseline", "search"} else f" ({experiment.origin})"
        verdict = experiment.verdict
        slos = {s.metric: s.actual for s in verdict.slos} if verdict else {}
        star = f"{BEST} " if experiment is conclusion.recommended else ""
        configuration = experiment.configuration
        return (
            f"{star}{experiment.number}",
            f"{outcome_symbol(experiment)} {outcome_in_words(experiment)}{made}",
            _value(verdict.value if verdict else None, objective),
            *(figures.metric(metric, slos.get(metric)) for metric in metrics),
            *(
                spell(configuration[f]) if f in configuration else "default"
                for f in conclusion.varied
            ),
        )

    yield Heading("Every experiment")
    titles = [figures.metric_title(m) for m in (objective_metric(objective), *metrics)]
    yield Grid(
        ("#", "outcome", *titles, *conclusion.varied),
        tuple(row(experiment) for experiment in ranked[:MOST_ROWS]),
    )
    if len(ranked) > MOST_ROWS:
        yield Words(f"And {len(ranked) - MOST_ROWS} more, in the JSON and CSV files.")


def _value(value: float | None, objective: Objective) -> str:
    """Return an objective's value, without the unit that is in its column's title."""
    if value is None or not maximised(objective):
        return figures.objective(objective, value)
    return figures.number(value)
