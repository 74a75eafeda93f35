"""From requests and gaps to the sub-round. Pure.

Latencies are those of the requests that were due in the window. Rates are taken over the window: a
request that lies across its border counts by the share of its time that lies inside, its output
tokens by the share of the time between its first and its last; only completed requests count.
"""

import numpy as np

from core.events import ClientFloor, Distribution, RequestCounts, SubRound
from core.load.conductor import Window
from core.load.gaps import describe_gaps, never_came, scaled
from core.load.health import examine
from core.load.histogram import Flags, Floats, Integers
from core.load.latencies import (
    e2e_latency,
    failed_as,
    kept,
    loosest,
    output_tokens,
    prompt_tokens,
    stream_end,
    tpot,
    ttft,
    ttft_from_send,
)
from core.load.observations import Observations
from core.load.plan import LevelPlan
from core.load.precision import throughput_interval
from core.load.records import Ending, Table, completed, due_within, failures
from core.load.series import time_series
from core.load.statistics import describe, wilson

WHOLE_CHUNKS = 1.01
"""Tokens per chunk up to which a chunk is taken for a token."""
OFF_LENGTH = 0.01
"""Share of prompts or answers of another length than asked that is worth a note."""


def summarise(
    plan: LevelPlan,
    seen: Observations,
    window: Window,
    *,
    started_at: float,
    stamped: bool,
    floor: ClientFloor | None = None,
) -> SubRound:
    """Return the result of a level.

    Args:
        started_at: Unix time at which the window opened.
        stamped: whether arrival times are the kernel's.
        floor: what the client adds on an idle machine.
    """
    rows = seen.rows()
    measured = due_within(rows, window.opened, window.closed)
    good = completed(measured)
    failed = measured[measured["ending"] != Ending.COMPLETED]
    worst = failed_as(failed, plan.request_timeout)
    seconds = (window.closed - window.opened) / 1e9
    whole = completed(rows)
    served = _share_inside(whole["due"], whole["end"], window)
    streamed = _share_inside(whole["first"], whole["last"], window)

    def latency(values: Floats) -> Distribution | None:
        return describe(values, failed=worst)

    output_throughput = float((streamed * output_tokens(whole)).sum()) / seconds
    chunks = max(1, int(good["chunks"].sum()))
    tokens_per_chunk = float(output_tokens(good).sum()) / chunks
    itl = describe_gaps(
        seen.gaps(window.opened, window.closed),
        len(measured),
        never_came(failed, good, worst),
    )
    load = _load(plan, rows, window)
    client = examine(seen, good, stamped=stamped, load=load, floor=floor)
    bounds = loosest(plan.thresholds)
    keeping = kept(good, bounds)
    held = int(np.logical_and.reduce(list(keeping.values())).sum()) if keeping else 0
    return SubRound(
        index=plan.index,
        level=plan.level,
        started_at=started_at,
        duration=seconds,
        requests=RequestCounts(sent=len(measured), completed=len(good), failed=failures(measured)),
        ttft=latency(ttft(good)),
        ttft_from_send=latency(ttft_from_send(good)),
        tpot=latency(tpot(good[output_tokens(good) > 1])),
        itl=itl,
        itl_per_token=scaled(itl, tokens_per_chunk) if tokens_per_chunk > WHOLE_CHUNKS else None,
        tokens_per_chunk=tokens_per_chunk,
        e2e_latency=latency(e2e_latency(good)),
        stream_end=latency(stream_end(good)),
        prompt_tokens=describe(prompt_tokens(good).astype(float)),
        output_tokens=describe(output_tokens(good).astype(float)),
        request_throughput=float(served.sum()) / seconds,
        input_throughput=float((served * prompt_tokens(whole)).sum()) / seconds,
        output_throughput=output_throughput,
        output_throughput_interval=throughput_interval(
            seen, window.opened, window.closed, output_throughput
        ),
        goodput=held / seconds if bounds else None,
        goodput_by_slo={family: int(ok.sum()) / seconds for family, ok in keeping.items()},
        attainment=held / len(measured) if bounds else None,
        attainment_interval=wilson(held, len(measured)) if bounds else None,
        series=time_series(seen, window.opened, tokens_per_chunk),
        steady=window.steady,
        gpus=plan.gpus,
        gpu_hour_price=plan.gpu_hour_price,
        client=client.health,
        notes=(
            *window.notes,
            *(f"the client was too slow: {reason}" for reason in client.reasons),
            *_notes(plan, seen, measured, good),
        ),
    )


def _share_inside(begin: Integers, end: Integers, window: Window) -> Floats:
    """Return which share of each stretch [begin, end] lies inside the window."""
    inside = np.minimum(end, window.closed) - np.maximum(begin, window.opened)
    a_moment_inside = (end == begin) & (begin >= window.opened) & (begin < window.closed)
    share = np.clip(inside, 0, None) / np.maximum(end - begin, 1)
    return np.where(a_moment_inside, 1.0, share)


def _load(plan: LevelPlan, rows: Table, window: Window) -> float:
    """Return which share of the asked concurrency was under way on average; 1 in open loop."""
    if plan.level.concurrency is None:
        return 1.0
    busy = np.minimum(rows["end"], window.closed) - np.maximum(rows["due"], window.opened)
    under_way = float(np.clip(busy, 0, None).sum()) / (window.closed - window.opened)
    return under_way / plan.level.concurrency


def _notes(plan: LevelPlan, seen: Observations, measured: Table, good: Table) -> list[str]:
    notes = []
    failed = len(measured) - len(good)
    if failed:
        reasons = "; ".join(f"{kind}: {said}" for kind, said in seen.complaints.items())
        notes.append(
            f"{failed} of {len(measured)} requests failed; in every mean and percentile of a"
            f" latency they count with the time-out of {plan.request_timeout:g} s ({reasons})"
        )
    if (good["output_tokens"] < 0).any():
        notes.append("the server reports no usage: each chunk with content counts as one token")
    elif (off := _share(good["output_tokens"] != good["asked_output"])) > OFF_LENGTH:
        notes.append(f"{off:.0%} of the answers are not of the length that was asked")
    chosen = good[(good["asked_prompt"] > 0) & (good["prompt_tokens"] >= 0)]
    far = _share(abs(chosen["prompt_tokens"] - chosen["asked_prompt"]) > 1)
    if far > OFF_LENGTH:
        notes.append(f"{far:.0%} of the prompts are off the length that was asked by over 1 token")
    return notes


def _share(flags: Flags) -> float:
    return float(flags.mean()) if len(flags) else 0.0
