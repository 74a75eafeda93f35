"""The server's own figures: its Prometheus page read, and samples of it summed up. Pure."""

import math
import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

from core.engines.metric_names import MetricNames
from core.events import ServerMetrics, SubRound

_SAMPLE = re.compile(r"(?m)^([a-zA-Z_:][\w:]*)(?:\{.*\})?[ \t]+([^\s]+)(?:[ \t]+-?\d+)?[ \t]*$")
_LONGEST_COURSE = 120
"""Samples that are kept; of a longer measurement, evenly chosen ones."""
_TOLERANCE = 0.05
"""Share by which the counts of client and server may differ unnoticed."""


@dataclass(frozen=True)
class Snapshot:
    """One look at the page. None: it does not tell."""

    at: float
    """Unix time."""
    prompt_tokens: float | None
    output_tokens: float | None
    running: float | None
    queued: float | None
    kv_usage: float | None
    preemptions: float | None
    cache_hits: float | None
    cache_queries: float | None


def read_page(text: str, names: MetricNames, at: float) -> Snapshot:
    """Return what a page in Prometheus' text format says. What it lacks is None."""
    samples: dict[str, list[float]] = {}
    for name, written in _SAMPLE.findall(text):
        try:
            value = float(written)
        except ValueError:
            continue
        if math.isfinite(value):
            samples.setdefault(name, []).append(value)

    def added(known: Sequence[str]) -> float | None:
        return next((math.fsum(samples[name]) for name in known if name in samples), None)

    prompts, queries = added(names.prompt_tokens), added(names.cache_queries)
    hits = added(names.cache_hits)
    preemptions = added(names.preemptions)
    if names.prompts_without_cached:
        if prompts is not None and hits is not None:
            prompts = queries = prompts + hits
    elif prompts is not None:
        # SGLang shows a counter of rare things only once there was one.
        hits = 0.0 if hits is None and names.cache_hits else hits
        preemptions = 0.0 if preemptions is None and names.preemptions else preemptions
    shares = next((samples[name] for name in names.kv_usage if name in samples), None)
    return Snapshot(
        at=at,
        prompt_tokens=prompts,
        output_tokens=added(names.output_tokens),
        running=added(names.running),
        queued=added(names.queued),
        kv_usage=fmean(shares) if shares else None,
        preemptions=preemptions,
        cache_hits=hits,
        cache_queries=queries,
    )


def summed_up(seen: Sequence[Snapshot], began: float, ended: float) -> ServerMetrics:
    """Return the figures of the window from `began` to `ended`, in Unix time.

    Counters between two looks are taken to have grown evenly.
    """
    within = [look for look in seen if began <= look.at <= ended] or list(seen)
    hits, queries = (_growth(seen, name, began, ended) for name in ("cache_hits", "cache_queries"))
    step = -(-len(within) // _LONGEST_COURSE) or 1
    return ServerMetrics(
        prompt_tokens=_growth(seen, "prompt_tokens", began, ended),
        output_tokens=_growth(seen, "output_tokens", began, ended),
        preemptions=_growth(seen, "preemptions", began, ended),
        cache_hit_rate=None if hits is None or not queries else min(1.0, hits / queries),
        samples=len(within),
        course=tuple((s.at, s.running, s.queued, s.kv_usage) for s in within[::step]),
        **_gauge(within, "running"),
        **_gauge(within, "queued"),
        **_gauge(within, "kv_usage"),
    )


def _gauge(seen: Sequence[Snapshot], name: str) -> dict[str, float]:
    known = [value for look in seen if (value := getattr(look, name)) is not None]
    return {name: fmean(known), f"{name}_peak": max(known)} if known else {}


def _growth(seen: Sequence[Snapshot], name: str, began: float, ended: float) -> float | None:
    """Return by how much a counter grew; None where it is not told or was set back."""
    known = [(look.at, value) for look in seen if (value := getattr(look, name)) is not None]
    if len(known) < 2 or any(b < a for (_, a), (_, b) in pairwise(known)):
        return None
    return max(0.0, _at(known, ended) - _at(known, began))


def _at(known: Sequence[tuple[float, float]], moment: float) -> float:
    place = bisect_left(known, (moment,))
    if place == 0:
        return known[0][1]
    if place == len(known):
        return known[-1][1]
    (before, low), (after, high) = known[place - 1 : place + 1]
    share = (moment - before) / (after - before) if after > before else 1.0
    return low + (high - low) * share


def with_server_metrics(
    sub_round: SubRound, seen: Sequence[Snapshot], names: MetricNames
) -> SubRound:
    """Return the sub-round with the server's own figures, and a note where they contradict it."""
    if not seen:
        return sub_round
    began, ended = sub_round.started_at, sub_round.started_at + sub_round.duration
    server = summed_up(seen, began, ended)
    note = _contradiction(sub_round, server, names)
    notes = sub_round.notes if note is None else (*sub_round.notes, note)
    return sub_round.model_copy(update={"server": server, "notes": notes})


def _contradiction(sub_round: SubRound, server: ServerMetrics, names: MetricNames) -> str | None:
    """Return how evidently the server's count of output tokens differs from the client's."""
    if server.output_tokens is None or sub_round.output_tokens is None:
        return None
    counted = sub_round.output_throughput * sub_round.duration
    slack = _TOLERANCE * max(counted, server.output_tokens) + sub_round.output_throughput
    if names.counted_at_the_end:
        slack += (sub_round.level.concurrency or 1) * sub_round.output_tokens.mean
    if abs(counted - server.output_tokens) <= slack:
        return None
    return (
        f"the server counted {server.output_tokens:,.0f} generated tokens and the client"
        f" {counted:,.0f}: somebody else used it, or one of them counts wrongly"
    )
