"""One request on its way through a replica: data that scheduler and KV cache keep up to date."""

from core.engines.simulated.prefix_cache import Node


class Request:
    """One request, from its arrival to the end of its answer."""

    __slots__ = (
        "answer", "arrival", "computed", "finished_at", "first_token_at", "generated",
        "limit", "node", "private", "prompt", "retractions", "shared", "text", "token_at",
    )  # fmt: skip

    def __init__(
        self, *, arrival: float, text: bytes, prompt: int, answer: int, limit: int
    ) -> None:
        """
        Args:
            arrival: when it reached the server, in seconds.
            text: the tokens of prompt and answer, `TOKEN_BYTES` each.
            prompt: tokens of the prompt.
            answer: tokens that will be generated.
            limit: tokens that might be, as far as the scheduler knows: `max_tokens`.
        """
        self.arrival = arrival
        self.text = text
        self.prompt = prompt
        self.answer = answer
        self.limit = limit
        self.generated = 0
        self.computed = 0
        """Tokens whose keys and values are in the cache, shared ones included."""
        self.node: Node | None = None
        """The locked end of its path in the tree."""
        self.shared = 0
        """Pages on that path."""
        self.private = 0
        """Pages beside it."""
        self.retractions = 0
        self.first_token_at = 0.0
        self.token_at = 0.0
        """When the last token so far was generated."""
        self.finished_at = 0.0

    @property
    def length(self) -> int:
        """Tokens so far, prompt and answer."""
        return self.prompt + self.generated

    @property
    def missing(self) -> int:
        """Tokens to prefill before it can decode."""
        return self.prompt + self.generated - self.computed
