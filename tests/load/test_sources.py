"""What requests say: lengths, shared beginnings, datasets, traces."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.load.datasets import Sample
from core.load.plan import LevelPlan
from core.load.sources import (
    dataset_drafts,
    lengths,
    prefixed_drafts,
    random_drafts,
    trace_drafts,
)
from core.load.traces import Recorded
from core.load.vocabulary import Vocabulary
from core.task import Level, Scenario, SharedPrefix

PLAIN = Vocabulary()


def plan(scenario: str = "D(40,8)", **more: Any) -> LevelPlan:
    level = Level(scenario=Scenario.model_validate(scenario), concurrency=1)
    return LevelPlan(index=0, level=level, requests=10, max_seconds=10, **more)


def draw(scenario: str, count: int = 2000) -> "np.ndarray":
    found = lengths(Scenario.model_validate(scenario), np.random.default_rng(1))
    return np.array(list(itertools.islice(found, count)))


def test_lengths_follow_their_scenario() -> None:
    assert (draw("D(100,50)") == [100, 50]).all()
    uniform = draw("U(50,60)/(200,202)")
    assert set(uniform[:, 0]) == set(range(50, 61))
    assert set(uniform[:, 1]) == {200, 201, 202}
    normal = draw("N(480,100)/(300,30)")
    assert normal.mean(axis=0) == pytest.approx([480, 300], rel=0.02)
    assert normal.std(axis=0) == pytest.approx([100, 30], rel=0.1)


@given(st.floats(1, 500), st.floats(0, 2000))
def test_no_length_is_below_one(mean: float, deviation: float) -> None:
    drawn = draw(f"N({mean:.3f},{deviation:.3f})/({mean:.3f},{deviation:.3f})", 50)
    assert (drawn >= 1).all()


def test_random_prompts_are_as_long_as_drawn() -> None:
    drafts = random_drafts(plan("U(1,60)/(1,9)"), PLAIN, np.random.default_rng(0))
    for prompt, prompt_tokens, output_tokens in itertools.islice(drafts, 100):
        assert len(str(prompt).split()) == prompt_tokens
        assert 1 <= output_tokens <= 9


def test_shared_prefixes_are_shared_within_groups_and_over_workers() -> None:
    prefix = SharedPrefix(prefix_tokens=30, groups=3, share=0.8)
    asked = plan(shared_prefix=prefix)
    begun: list[set[str]] = []
    for worker in range(2):
        drafts = prefixed_drafts(asked, prefix, PLAIN, np.random.default_rng(worker))
        prompts = [str(prompt) for prompt, _, _ in itertools.islice(drafts, 300)]
        assert all(len(prompt.split()) == 40 for prompt in prompts)
        assert len(set(prompts)) == 300
        beginnings = [" ".join(prompt.split()[:30]) for prompt in prompts]
        common = {text for text in beginnings if beginnings.count(text) > 10}
        assert len(common) == 3
        assert sum(text in common for text in beginnings) / 300 == pytest.approx(0.8, abs=0.07)
        begun.append(common)
    assert begun[0] == begun[1]


def test_a_prompt_shorter_than_the_prefix_stands_alone() -> None:
    prefix = SharedPrefix(prefix_tokens=100)
    drafts = prefixed_drafts(plan(), prefix, PLAIN, np.random.default_rng(0))
    assert len(str(next(drafts)[0]).split()) == 40


def test_a_dataset_is_dealt_out_whole_before_anything_comes_again() -> None:
    samples = [Sample(f"prompt {number}", number or None) for number in range(10)]
    dealt: list[str] = []
    for part in range(3):
        drafts = dataset_drafts(plan(), samples, np.random.default_rng(0), part=part, parts=3)
        mine = len(range(part, 10, 3))
        drawn = list(itertools.islice(drafts, 2 * mine))
        dealt += [str(prompt) for prompt, _, _ in drawn[:mine]]
        assert [draft[0] for draft in drawn[:mine]] == [draft[0] for draft in drawn[mine:]]
        for prompt, _, output in drawn:
            number = int(str(prompt).split()[1])
            assert output == (number or 8)  # the scenario's length where the dataset has none
    assert sorted(dealt) == sorted(sample.prompt for sample in samples)


def test_a_trace_shares_text_where_it_shares_blocks() -> None:
    recorded = [
        Recorded(0, 1100, 5, (7, 8, 9)),
        Recorded(1, 1024, 6, (7, 8)),
        Recorded(2, 600, 7, (7, 1)),
        Recorded(3, 50, 8),
    ]
    drafts = list(trace_drafts(plan(), recorded, PLAIN, np.random.default_rng(0)))
    texts = [str(prompt).split() for prompt, _, _ in drafts]
    assert [len(text) for text in texts] == [1100, 1024, 600, 50]
    assert [output for _, _, output in drafts] == [5, 6, 7, 8]
    assert texts[0][:1024] == texts[1]
    assert texts[2][:512] == texts[1][:512]
    assert texts[2][512:] != texts[1][512:600]
    later = trace_drafts(plan(seed=1), recorded, PLAIN, np.random.default_rng(0))
    assert str(next(later)[0]).split()[:512] != texts[0][:512]
