"""The parts of the page, in their order. Each is empty where it has nothing to tell."""

from datetime import datetime

from core.report import figures, front_words, manifest_words, wording
from core.report.characters import BEST, STYLES, outcome_symbol
from core.report.conclusion import Conclusion, outcome_in_words
from core.report.findings import Findings, noise_between
from core.report.handover import documents
from core.report.html.markup import facts, listing, paragraph, preformatted, table, words
from core.report.standing import Margin
from core.report.svg.charts import NARROW, WIDE, Chart
from core.task import spell
from core.verdict import objective_metric

MOST_ROWS = 200

_COLOURS = {"green": "ok", "red": "no", "yellow": "maybe"}


def head(conclusion: Conclusion, found: Findings) -> str:
    """Return what was tuned, the result in a sentence, and what to know before anything else."""
    task, known = conclusion.task.task, found.manifest
    gpus = sorted({gpu.name for host in known.hosts for gpu in host.gpus if not gpu.simulated})
    engine = " ".join(filter(None, (known.engine, known.engine_version)))
    subject = [engine, known.model, *gpus, _date(known.ended_at or known.began_at)]
    eyebrow = " · ".join(words(text) for text in subject if text)
    count = len(conclusion.experiments)
    lead = (
        f"{count} experiment{'s' * (count != 1)} in {figures.duration(conclusion.elapsed)}, "
        f"each at {len(known.levels)} load level{'s' * (len(known.levels) != 1)}."
    )
    banner = (
        '<p class="banner">Simulated: these figures come from a model of a machine, not from one. '
        "They show how the autotuner works, and nothing about your hardware.</p>"
        if found.simulated
        else ""
    )
    described = paragraph(task.description, "quiet") if task.description else ""
    claim, _, proof = found.headline.partition(": ")
    proved = f'<p class="lead">{words(proof[:1].upper() + proof[1:])}</p>' if proof else ""
    if conclusion.per_server:
        proved += paragraph(conclusion.per_server, "quiet")
    if soak := wording.soak(conclusion):
        proved += paragraph(soak)
    return (
        f'<header><p class="eyebrow"><b>{words(known.task)}</b> · {eyebrow}</p>'
        f"<h1>{words(claim if proof else found.headline)}</h1>{proved}"
        f'<p class="quiet">{words(lead)}</p>{described}{banner}</header>'
    )


def tiles(found: Findings) -> str:
    """Return the figures that matter most, a tile each."""
    chosen = found.recommended
    if chosen is None:
        return ""
    shown = [_gain_tile(found), *(_margin_tile(margin) for margin in chosen.margins[:2])]
    for held in chosen.loads[:1]:
        level = held.level
        figure = (
            f"× {level.concurrency}"
            if level.concurrency is not None
            else f"{level.request_rate:g} req/s"
        )
        rate = figures.metric("output_throughput", held.output_throughput)
        more = "more breaks an SLO" if held.breaks_at else "more was not tried"
        note = f"{level.scenario}, {rate} of output; {more}"
        shown.append(_tile("Load held", words(figure), note, ""))
    return f'<div class="tiles">{"".join(shown)}</div>'


def _gain_tile(found: Findings) -> str:
    if found.keep_defaults:
        return _tile("Against the defaults", "as good", wording.gain(found), "")
    if found.gain is None:
        objective = found.recommended.value if found.recommended else None
        value = figures.objective(found.objective, objective)
        return _tile("Objective", words(value), "no defaults to compare with", "")
    if found.defaults_fall_short:
        change = figures.percentage(found.gain, signed=True)
        note = f"the defaults break an SLO; {figures.metric_title(_metric(found))} {change}"
        return _tile("Against the defaults", "holds", note, "good")
    figure = figures.percentage(found.gain, signed=True)
    good = "good" if found.confirmed and found.confirmed.low > 0 else ""
    note = wording.gain(found).removeprefix(figure).lstrip(" ,")
    return _tile("Against the defaults", figure, note, good)


def _metric(found: Findings) -> str:
    return objective_metric(found.objective)


def _margin_tile(margin: Margin) -> str:
    name = f"SLO {figures.metric_title(margin.metric)} ≤ {figures.latency(margin.threshold)}"
    if margin.actual is None or margin.left is None:
        return _tile(name, "–", "could not be measured", "bad")
    kind = "" if margin.left >= 0 else "bad" if margin.hard else "soft"
    share = min(1.0, margin.actual / margin.threshold)
    meter = f'<div class="meter {kind}"><i style="width:{share * 100:.1f}%"></i></div>'
    left = f"{abs(margin.left) * 100:.0f} % {'to spare' if margin.left >= 0 else 'over'}"
    place = "" if margin.level is None else f" at {margin.level}"
    return _tile(name, figures.latency(margin.actual), left + place, kind, meter)


def _tile(name: str, figure: str, note: str, kind: str, extra: str = "") -> str:
    return (
        f'<div class="tile"><div class="name">{words(name)}</div>'
        f'<div class="figure {kind}">{figure}</div>{extra}<div class="note">{words(note)}</div>'
        "</div>"
    )


def against_defaults(found: Findings) -> str:
    """Return what the recommended configuration takes and gives, beside the defaults if it can."""
    chosen, baseline = found.recommended, found.baseline
    if chosen is None:
        return ""
    other = baseline if baseline and baseline.configuration != chosen.configuration else None
    sides = [dict(wording.standing(side, found.objective)) for side in (chosen, other) if side]
    rows = [
        [words(name), *(words(side.get(name, "–")) for side in sides)]
        for name in dict.fromkeys(name for side in sides for name in side)
    ]
    heads = ("", f"experiment {chosen.experiment}", "engine defaults")[: 1 + len(sides)]
    shown = table(heads, rows, right=tuple(range(1, len(heads))))
    if other is None:
        return f"<h2>What it gives and takes</h2>{shown}"
    changed = [
        wording.setting(flag, value)
        for flag, value in chosen.configuration.items()
        if other.configuration.get(flag) != value
    ]
    note = paragraph(f"It sets {', '.join(changed)}.") if changed else ""
    return f"<h2>Against the defaults</h2>{note}{shown}"


def hand_over(conclusion: Conclusion, found: Findings) -> str:
    """Return the launch command, and all other ways to deploy it, folded away."""
    files = documents(conclusion, found)
    if not files:
        return ""
    first, *others = files
    folded = "".join(
        f"<details><summary>{words(document.title)} "
        f"<span>{words(' · '.join(filter(None, (document.name, document.note))))}</span></summary>"
        f"{preformatted(document.text)}</details>"
        for document in others
    )
    assert found.recommended is not None
    title = f"Deploy experiment {found.recommended.experiment}"
    return f"<h2>{title}</h2>{preformatted(first.text)}{folded}"


def chart(name: str, drawn: dict[str, Chart]) -> str:
    """Return a chart with its heading, for a desk and for a pocket."""
    found = drawn.get(name)
    if found is None:
        return ""
    wide, narrow = found.drawn(WIDE), found.drawn(NARROW)
    assert wide is not None
    assert narrow is not None
    return (
        f'<figure id="{name}"><figcaption><h3>{words(found.heading)}</h3>'
        f"{paragraph(found.reading, 'reading')}</figcaption>"
        f"{wide.svg(variant='wide')}{narrow.svg(variant='narrow')}</figure>"
    )


def effects(found: Findings, drawn: dict[str, Chart]) -> str:
    """Return what each flag does, in charts and in words."""
    told = [wording.effect(effect) for effect in found.effects if effect.proved]
    told += [wording.needed(effect) for effect in found.needed]
    told += [wording.interaction(i) for i in found.interactions if i.proved]
    told += [wording.not_in_force(changed) for changed in found.not_in_force]
    told += [wording.inseparable(flags) for flags in found.inseparable]
    if found.unknown_effects:
        told.append(f"No effects can be told: {found.unknown_effects}.")
    if without := wording.without_effect(found):
        told.append(without)
    charts = chart("effects-objective", drawn) + chart("effects-latency", drawn)
    if not told and not charts:
        return ""
    heading = "<h2>Which flags matter</h2>"
    fold = ""
    if told:
        shown, rest = told[:8], told[8:]
        fold = listing(shown)
        if rest:
            fold += f"<details><summary>{len(rest)} more</summary>{listing(rest)}</details>"
    return heading + charts + fold


def failures(found: Findings) -> str:
    """Return why experiments failed, a card for each group."""
    if not found.failures:
        return ""
    cards = []
    for group in found.failures:
        count = len(group.cases)
        rows = [
            [words(who), words(what), _evidence(evidence)]
            for who, what, evidence in wording.cases(group)
        ]
        heads = ["#", "what happened", "evidence"]
        if not any(case.evidence for case in group.cases):
            rows, heads = [row[:2] for row in rows], heads[:2]
        advice = wording.advice(group)
        kind, title = wording.group_kind(group), wording.group_title(group)
        cards.append(
            f'<div class="card"><h3><span class="kind">{words(kind)}</span>'
            f"{words(title) if title != kind else ''} "
            f'<span class="quiet">{count} experiment{"s" * (count != 1)}</span></h3>'
            f"{listing(wording.group_findings(group), 'found')}"
            f"{paragraph(f'Try: {advice}') if advice else ''}{table(heads, rows)}</div>"
        )
    return f"<h2>Why experiments failed</h2>{''.join(cards)}"


def _evidence(line: str) -> str:
    return f'<span class="evidence">{words(line)}</span>' if line else ""


def alternatives(conclusion: Conclusion, found: Findings) -> str:
    """Return what else could be deployed, and the front."""
    told = [wording.alternative(alternative) for alternative in found.alternatives]
    front = found.front if front_words.tells(found.front, noise_between(found.confirmed)) else None
    rows = (
        [list(map(words, row)) for row in front_words.rows(front, conclusion.state.experiments)]
        if front
        else []
    )
    chosen = None if found.recommended is None else found.recommended.experiment
    kinds = ["best" if number == chosen else "" for number in found.front.experiments]
    if not told and not rows:
        return ""
    heads = front_words.titles(found.front)
    right = tuple(range(1, 1 + len(found.front.metrics)))
    note = paragraph(front_words.reading(found.front), "reading")
    listed = note + table(heads, rows, right=right, kinds=kinds)
    return f"<h2>Alternatives</h2>{listing(told)}{listed if rows else ''}"


def experiments(conclusion: Conclusion) -> str:
    """Return the table of all experiments, the best first."""
    if not conclusion.experiments:
        return ""
    task = conclusion.task.task
    metrics = list(task.slo.targets())
    objective = objective_metric(task.optimization.objective)
    ranked = conclusion.ranked
    chosen, baseline = conclusion.recommended, conclusion.baseline
    rows, kinds = [], []
    for experiment in ranked[:MOST_ROWS]:
        slos = {s.metric: s for s in experiment.verdict.slos} if experiment.verdict else {}
        value = experiment.verdict.value if experiment.verdict else None
        symbol = outcome_symbol(experiment)
        kind = _COLOURS.get(STYLES.get(symbol, ""), "")
        star = f"{BEST}\N{NO-BREAK SPACE}" if experiment is chosen else ""
        length = None if experiment.ended_at is None else experiment.ended_at - experiment.began_at
        rows.append(
            [
                f"{star}{experiment.number}",
                f'<span class="{kind}">{symbol}</span> {words(outcome_in_words(experiment))}',
                words(_objective(objective, value)),
                *(words(figures.metric(m, slos[m].actual if m in slos else None)) for m in metrics),
                *(
                    words(spell(experiment.configuration[flag]))
                    if flag in experiment.configuration
                    else '<span class="quiet">default</span>'
                    for flag in conclusion.varied
                ),
                words(experiment.origin),
                "–" if length is None else figures.clock(length),
            ]
        )
        kinds.append("best" if experiment is chosen else "base" if experiment is baseline else "")
    heads = (
        "#",
        "outcome",
        figures.metric_title(objective),
        *(figures.metric_title(metric) for metric in metrics),
        *conclusion.varied,
        "made as",
        "time",
    )
    hidden = len(ranked) - len(rows)
    note = paragraph(f"and {hidden} more, in the JSON and CSV files", "quiet") if hidden else ""
    right = range(2, 3 + len(metrics))
    return f"<h2>Every experiment</h2>{table(heads, rows, right=[*right], kinds=kinds)}{note}"


def _objective(metric: str, value: float | None) -> str:
    """Return a value, without the unit where the column's title has it."""
    if value is None or not metric.endswith("_per_gpu"):
        return figures.metric(metric, value)
    return figures.number(value)


def cautions(found: Findings) -> str:
    """Return what to know before trusting the figures."""
    if not found.cautions:
        return ""
    told = listing(wording.cautions(found.cautions))
    return f"<h2>Before you trust the figures</h2>{told}"


def manifest(conclusion: Conclusion, found: Findings) -> str:
    """Return what the figures can be attributed to, and the task file."""
    shown = facts(manifest_words.facts(found.manifest))
    task = conclusion.task.text
    return (
        f"<h2>Manifest</h2>{shown}{_arguments(found)}<details><summary>Task file <span>"
        f"{words(found.manifest.source)}</span></summary>{preformatted(task)}</details>"
    )


def _arguments(found: Findings) -> str:
    rows = [[words(cell) for cell in row] for row in manifest_words.arguments(found.manifest)]
    if not rows:
        return ""
    return paragraph(manifest_words.ARGUMENTS) + table(manifest_words.ARGUMENT_HEADS, rows)


def _date(moment: float | None) -> str:
    return (
        "" if moment is None else datetime.fromtimestamp(moment).astimezone().strftime("%Y-%m-%d")
    )
