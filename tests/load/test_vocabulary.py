"""Prompts of exact lengths, for tokenizers of every kind."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.load.vocabulary import WORDS, Count, PromptWriter, Vocabulary, learn, spell


def tokenizer(costs: dict[str, int], overhead: int = 0) -> tuple[Count, list[str]]:
    """A tokenizer that spends `costs` on words, 1 on others, and what it was asked."""
    asked: list[str] = []

    async def count(prompt: str) -> int:
        asked.append(prompt)
        return overhead + sum(costs.get(word, 1) for word in prompt.split())

    return count, asked


async def test_a_tokenizer_that_knows_all_the_words_takes_three_questions() -> None:
    count, asked = tokenizer({}, overhead=4)
    vocabulary = await learn(count)
    assert vocabulary == Vocabulary(costs=dict.fromkeys(WORDS, 1), overhead=4)
    assert len(asked) == 3


async def test_words_of_several_tokens_are_found_by_halving() -> None:
    odd = {WORDS[0]: 2, WORDS[17]: 3, WORDS[80]: 2}
    count, asked = tokenizer(odd, overhead=1)
    vocabulary = await learn(count)
    assert vocabulary.overhead == 1
    assert {word: cost for word, cost in vocabulary.costs.items() if cost > 1} == odd
    assert set(vocabulary.costs) == set(WORDS)
    assert len(asked) < 40


async def test_a_tokenizer_without_words_is_not_asked_for_ever() -> None:
    async def bytes_of(prompt: str) -> int:
        return len(prompt)

    vocabulary = await learn(bytes_of, questions=20)
    assert vocabulary.costs[WORDS[0]] == 1 + len(WORDS[0])
    assert len(vocabulary.costs) > 5
    assert all(cost == 1 + len(word) for word, cost in vocabulary.costs.items())


@given(
    st.dictionaries(st.sampled_from(WORDS), st.integers(1, 5), min_size=1),
    st.integers(0, 20),
    st.integers(1, 3000),
    st.integers(0, 1000),
)
def test_a_prompt_is_as_long_as_asked_wherever_the_words_allow(
    costs: dict[str, int], overhead: int, tokens: int, seed: int
) -> None:
    writer = PromptWriter(Vocabulary(costs=costs, overhead=overhead), np.random.default_rng(seed))
    words = writer.prompt(tokens).split()
    assert set(words) <= set(costs)
    length = overhead + sum(costs[word] for word in words)
    cheapest, dearest = min(costs.values()), max(costs.values())
    if cheapest == 1 and tokens > overhead:
        assert length == tokens
    else:
        assert length <= max(tokens, overhead + dearest)
        assert length > tokens - dearest or length == overhead + cheapest


def test_no_two_prompts_are_alike() -> None:
    writer = PromptWriter(Vocabulary(), np.random.default_rng(0))
    assert len({writer.prompt(20) for _ in range(1000)}) == 1000


def test_every_word_follows_a_space() -> None:
    assert spell(("a", "b")) == " a b"
    text = PromptWriter(Vocabulary(), np.random.default_rng(0)).text(50)
    assert text.startswith(" ")
    assert len(text.split()) == text.count(" ") == 50


@pytest.mark.parametrize("tokens", [1, 2, 3])
def test_a_prompt_shorter_than_its_template_is_one_word(tokens: int) -> None:
    writer = PromptWriter(Vocabulary(overhead=10), np.random.default_rng(0))
    assert len(writer.prompt(tokens).split()) == 1
