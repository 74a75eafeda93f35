"""What the next request says: random words, shared beginnings, a dataset's or a trace's."""

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import numpy as np

from core.load.datasets import Messages, Sample
from core.load.plan import LevelPlan
from core.load.traces import Recorded
from core.load.vocabulary import PromptWriter, Vocabulary
from core.task import Scenario, SharedPrefix

Draft: TypeAlias = tuple[str | Messages, int, int]
"""A prompt, its tokens (0: not chosen), and the answer's."""

TRACE_BLOCK = 512
"""Tokens of a block in a trace with prefix ids."""


def lengths(scenario: Scenario, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
    """Draw (prompt, output) lengths in tokens, without end; at least 1 each."""
    while True:
        yield (
            _draw(scenario.shape, scenario.prompt, rng),
            _draw(scenario.shape, scenario.output, rng),
        )


def _draw(shape: str, parameters: tuple[float, float], rng: np.random.Generator) -> int:
    match shape:
        case "D":
            return round(parameters[0])
        case "N":
            return max(1, round(float(rng.normal(*parameters))))
        case _:
            low, high = (round(bound) for bound in parameters)
            return int(rng.integers(low, high, endpoint=True))


def random_drafts(
    plan: LevelPlan, vocabulary: Vocabulary, rng: np.random.Generator
) -> Iterator[Draft]:
    """Yield prompts of random words, the scenario's lengths long."""
    writer = PromptWriter(vocabulary, rng)
    for prompt_tokens, output_tokens in lengths(plan.level.scenario, rng):
        yield writer.prompt(prompt_tokens), prompt_tokens, output_tokens


def prefixed_drafts(
    plan: LevelPlan, prefix: SharedPrefix, vocabulary: Vocabulary, rng: np.random.Generator
) -> Iterator[Draft]:
    """Yield random prompts of which some begin alike.

    The beginnings are the same for every worker and every level of a plan's seed.
    """
    beginnings = [
        PromptWriter(vocabulary, np.random.default_rng([plan.seed, group])).text(
            prefix.prefix_tokens
        )
        for group in range(prefix.groups)
    ]
    writer = PromptWriter(vocabulary, rng)
    for prompt_tokens, output_tokens in lengths(plan.level.scenario, rng):
        rest = prompt_tokens - prefix.prefix_tokens
        if rng.random() < prefix.share and rest > vocabulary.overhead:
            beginning = beginnings[rng.integers(prefix.groups)]
            yield beginning + writer.prompt(rest), prompt_tokens, output_tokens
        else:
            yield writer.prompt(prompt_tokens), prompt_tokens, output_tokens


def dataset_drafts(
    plan: LevelPlan, samples: Sequence[Sample], rng: np.random.Generator, *, part: int, parts: int
) -> Iterator[Draft]:
    """Yield this worker's part of a dataset, in a random order, over and over."""
    order = np.random.default_rng(plan.seed).permutation(len(samples))[part::parts]
    outputs = lengths(plan.level.scenario, rng)
    while True:
        for index in order:
            sample, (_, drawn) = samples[index], next(outputs)
            yield sample.prompt, 0, sample.output_tokens or drawn


def trace_drafts(
    plan: LevelPlan, requests: Sequence[Recorded], vocabulary: Vocabulary, rng: np.random.Generator
) -> Iterator[Draft]:
    """Yield prompts as long as a trace's, sharing beginnings where the trace says so.

    A block reads the same for every worker, and otherwise for a plan of another seed.
    """
    writer = PromptWriter(vocabulary, rng)
    for request in requests:
        if request.blocks:
            text = _of_blocks(plan.seed, request, vocabulary, writer)
        else:
            text = writer.prompt(request.prompt_tokens)
        yield text, request.prompt_tokens, request.output_tokens


def _of_blocks(seed: int, request: Recorded, vocabulary: Vocabulary, writer: PromptWriter) -> str:
    left = max(1, request.prompt_tokens - vocabulary.overhead)
    text = []
    for block in request.blocks:
        if left <= 0:
            break
        same = PromptWriter(vocabulary, np.random.default_rng([seed, block]))
        text.append(same.text(min(TRACE_BLOCK, left)))
        left -= TRACE_BLOCK
    if left > 0:
        text.append(writer.text(left))
    return "".join(text)
