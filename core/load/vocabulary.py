"""Texts of an exact number of tokens, out of words whose cost in tokens is known. Pure."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import numpy as np
from pydantic import Field

from core.task import Frozen

_SHORT = (
    "the of and to in is you that it he was for on are as with his they at be this have from or "
    "one had by word but not what all were we when your can said there use an each which she do "
    "how their if will up other about out many then them these so some her would make like him "
    "into time has look two more write go see number no way could people my than first water "
    "been call who oil its now find long down day did get come made may part over new sound take "
    "only little work know place year live me back give most very after thing our just name good "
    "man think say great where help through much before line right too mean old any same tell boy "
    "follow came want show also around form three small set put end does another well large must "
    "big even such because turn here why ask went men read need land different home us move try "
    "kind hand picture again change off play air away animal house point page letter mother answer"
)

WORDS = tuple(_SHORT.split())
"""Short words that most tokenizers spell in one token each, when a space goes before."""

Count: TypeAlias = Callable[[str], Awaitable[int]]
"""Asks the server how many tokens a prompt has."""


class Vocabulary(Frozen):
    """Words, what each costs, and what every prompt costs besides."""

    costs: dict[str, int] = Field(default_factory=lambda: dict.fromkeys(WORDS, 1))
    """Tokens of each word with the space before it."""
    overhead: int = 0
    """Tokens of a prompt without words: a begin-of-text token, a chat template."""


async def learn(count: Count, *, questions: int = 64) -> Vocabulary:
    """Find out what words cost, by asking for as few counts as will do.

    A word after a space is a token of its own or several, whatever stands before it: so costs add
    up, and a group of n words that costs n is all of single tokens. Other groups are halved, and
    the halves asked about first: a tokenizer that knows none of the words still leaves some known.

    Args:
        questions: most counts to ask for. What is not known by then is left out.
    """
    once, twice = await count(spell(WORDS[:1])), await count(spell(WORDS[:1] * 2))
    first = max(1, twice - once)
    overhead = once - first
    costs = {WORDS[0]: first}
    groups = [WORDS[1:]]
    asked = 2
    while groups and asked < questions:
        group = groups.pop(0)
        total = await count(spell(group)) - overhead
        asked += 1
        if total == len(group):
            costs |= dict.fromkeys(group, 1)
        elif len(group) == 1:
            costs[group[0]] = max(1, total)
        else:
            middle = len(group) // 2
            groups = [group[:middle], group[middle:], *groups]
    return Vocabulary(costs=costs, overhead=overhead)


def spell(words: tuple[str, ...]) -> str:
    """Return the words as a text, each with a space before it."""
    return "".join(f" {word}" for word in words)


class PromptWriter:
    """Writes random texts of a given number of tokens."""

    def __init__(self, vocabulary: Vocabulary, rng: np.random.Generator) -> None:
        self._rng = rng
        self._overhead = vocabulary.overhead
        self._words = np.array([f" {word}" for word in vocabulary.costs], dtype=object)
        self._costs = np.array(list(vocabulary.costs.values()))
        self._endings = _dearest_first(vocabulary)

    def prompt(self, tokens: int) -> str:
        """Return a prompt of that many tokens, or of one word where that is longer already."""
        return self.text(max(1, tokens - self._overhead))

    def text(self, tokens: int) -> str:
        """Return a text that adds that many tokens to a prompt, as nearly as the words allow."""
        text: list[str] = []
        left = tokens
        while left > 0:
            picked = self._rng.integers(0, len(self._words), max(1, left // self._costs.max()))
            costs = self._costs[picked]
            if costs.sum() > left:
                break
            text.extend(self._words[picked])
            left -= int(costs.sum())
        for cost, word in self._endings:
            text.extend([word] * (left // cost))
            left %= cost
        return "".join(text) or str(self._words[0])


def _dearest_first(vocabulary: Vocabulary) -> list[tuple[int, str]]:
    """Return one word of each cost, the dearest first: what fills up the end of a text."""
    by_cost = {cost: f" {word}" for word, cost in vocabulary.costs.items()}
    return sorted(by_cost.items(), reverse=True)
