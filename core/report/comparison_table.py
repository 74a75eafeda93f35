"""Several runs side by side: what each recommends, gains and holds, and what they tell apart."""

from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

from core.report import figures, wording
from core.report.blocks import Block, Bullets, Grid, Heading, Words
from core.report.conclusion import Conclusion
from core.report.findings import Findings
from core.task import Frozen, spell
from core.verdict import objective_metric

CompareFormat: TypeAlias = Literal["txt", "md", "html", "json"]

COMPARE_FORMATS: tuple[CompareFormat, ...] = ("txt", "md", "html", "json")


class ComparedRun(Frozen):
    """One of the runs: what it recommends, gains, holds and costs, and where that comes from."""

    task: str
    headline: str
    experiments: int
    elapsed: float
    """Seconds that the experiments took, added up."""
    findings: Findings


class ComparisonDocument(Frozen):
    """Several runs side by side; the first is the one the others are held against."""

    format: Literal["inference-autotuner-comparison/1"] = "inference-autotuner-comparison/1"
    runs: tuple[ComparedRun, ...]
    not_alike: tuple[str, ...]
    """Why the figures may not be comparable, a sentence each."""


def comparison_json(runs: Sequence[tuple[Conclusion, Findings]]) -> str:
    """Return the comparison as JSON."""
    document = ComparisonDocument(
        runs=tuple(
            ComparedRun(
                task=found.manifest.task,
                headline=found.headline,
                experiments=len(conclusion.experiments),
                elapsed=conclusion.elapsed,
                findings=found,
            )
            for conclusion, found in runs
        ),
        not_alike=_unlike(runs),
    )
    return document.model_dump_json(indent=2) + "\n"


def comparison(runs: Sequence[tuple[Conclusion, Findings]]) -> Iterator[Block]:
    """Yield the blocks of a comparison; the first run is the one the others are held against."""
    yield Heading("1 task" if len(runs) == 1 else f"{len(runs)} tasks compared", 1)
    heads = ("", *(found.manifest.task for _, found in runs))
    columns = [dict(_facts(conclusion, found)) for conclusion, found in runs]
    names = dict.fromkeys(name for column in columns for name in column)
    yield Grid(heads, tuple((n, *(c.get(n, "–") for c in columns)) for n in names))
    yield from _settings(runs, heads)
    if unlike := _unlike(runs):
        yield Heading("Not alike in more than the result")
        yield Bullets(unlike)


def _facts(conclusion: Conclusion, found: Findings) -> Iterator[tuple[str, str]]:
    known, chosen = found.manifest, found.recommended
    yield "engine", " ".join(filter(None, (known.engine, known.engine_version)))
    yield "model", known.model
    yield "experiments", str(len(conclusion.experiments))
    yield "time", figures.duration(conclusion.elapsed)
    yield "recommended", "none is feasible" if chosen is None else _named(found)
    if found.gain is not None:
        ends = found.confirmed
        interval = "" if ends is None else f" [{ends.low * 100:+.1f}, {ends.high * 100:+.1f}]"
        yield "gain over the defaults", figures.percentage(found.gain, signed=True) + interval
    if chosen is not None:
        yield from wording.standing(chosen, found.objective)


def _named(found: Findings) -> str:
    assert found.recommended is not None
    number = f"experiment {found.recommended.experiment}"
    return f"{number}, the defaults" if found.keep_defaults else number


def _settings(
    runs: Sequence[tuple[Conclusion, Findings]], heads: tuple[str, ...]
) -> Iterator[Block]:
    """Yield the flags of the recommended configurations that are not all alike."""
    chosen = [found.recommended.configuration if found.recommended else {} for _, found in runs]
    flags = dict.fromkeys(flag for configuration in chosen for flag in configuration)
    rows = []
    for flag in flags:
        cells = [spell(c[flag]) if flag in c else "default" for c in chosen]
        if len(set(cells)) > 1:
            rows.append((flag, *cells))
    yield Heading("Flags that differ")
    yield Grid(heads, tuple(rows)) if rows else Words("None: they recommend the same.")


def _unlike(runs: Sequence[tuple[Conclusion, Findings]]) -> tuple[str, ...]:
    """Return why the figures may not be comparable, a sentence each."""
    facts = {
        "models": {found.manifest.model for _, found in runs},
        "objectives": {objective_metric(found.objective) for _, found in runs},
        "load levels": {", ".join(map(str, found.manifest.levels)) for _, found in runs},
        "GPUs": {
            ", ".join(gpu.name for gpu in found.manifest.hosts[-1].gpus)
            for _, found in runs
            if found.manifest.hosts
        },
        "hosts": {found.manifest.hosts[-1].name for _, found in runs if found.manifest.hosts},
        "engine versions": {found.manifest.engine_version for _, found in runs},
        "kinds of figures": {"simulated" if f.simulated else "measured" for _, f in runs},
    }
    return tuple(
        f"They have different {name}: {'; '.join(sorted(filter(None, values)))}."
        for name, values in facts.items()
        if len(values) > 1
    )
