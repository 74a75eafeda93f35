"""Conversations: each user asks, reads the answer, thinks, and asks on with all that was said."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from core.load.datasets import Messages
from core.load.exchange import Exchange, Request
from core.load.requests import RequestWriter, shortened
from core.load.sources import Draft
from core.task import Conversation


@dataclass
class User:
    """What one user and the model have said so far."""

    turns: int
    """Turns of this conversation, the one under way included."""
    messages: Messages = field(default_factory=list)


class Conversations:
    """Writes every turn of every user."""

    def __init__(
        self,
        talk: Conversation,
        drafts: Iterator[Draft],
        writer: RequestWriter,
        rng: np.random.Generator,
    ) -> None:
        self._talk = talk
        self._drafts = drafts
        self._writer = writer
        self._rng = rng

    def opening(self, share: float) -> Request:
        """Return a user's first request, its answer cut to `share`.

        Users come in at different turns of their first conversation, so that not all of them start
        the next at the same time.
        """
        user = User(turns=int(self._rng.integers(1, self._talk.turns + 1)))
        return self._turn(user, share)

    def following(self, exchange: Exchange) -> tuple[Request, float]:
        """Return the user's next request, and after how many seconds of thought it comes."""
        user = exchange.request.user
        assert isinstance(user, User)
        if user.turns == self._talk.turns or not exchange.answer.text:
            user = User(turns=1)
        else:
            user.turns += 1
            user.messages.append({"role": "assistant", "content": exchange.answer.text})
        return self._turn(user), self._talk.think_time

    def _turn(self, user: User, share: float | None = None) -> Request:
        prompt, _, output_tokens = next(self._drafts)
        user.messages.append({"role": "user", "content": prompt})
        if share is not None:
            output_tokens = shortened(output_tokens, share)
        return Request(
            self._writer.wire(self._writer.body(user.messages, output_tokens)),
            asked_prompt=0,
            asked_output=output_tokens,
            opening=share is not None,
            user=user,
        )
