"""A load on the simulated engine, for runs without HTTP. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from core.engines.simulated.prefix_cache import TOKEN_BYTES
from core.engines.simulated.request import Request
from core.task import Level


@dataclass(frozen=True)
class Workload:
    """Requests of one load level."""

    level: Level
    """How long prompts and answers are, and how they arrive."""
    requests: int = 100
    """Measured requests."""
    warmup: int = 0
    """Requests before those, that no figure counts."""
    shared_prefix: int = 0
    """Tokens at the beginning of every prompt that it has in common with others."""
    prefix_groups: int = 1
    """Different common beginnings; each prompt has one of them."""
    turnaround: float = 0.001
    """Seconds that a closed-loop client needs to follow an answer with the next request."""

    def draw(self, rng: Random) -> Iterator[Request]:
        """Yield the requests, warm-up included, without times of arrival."""
        for _ in range(self.warmup + self.requests):
            prompt = self._length(self.level.scenario.prompt, rng)
            answer = self._length(self.level.scenario.output, rng)
            shared = min(self.shared_prefix, prompt)
            group = rng.randrange(self.prefix_groups).to_bytes(TOKEN_BYTES, "little")
            own = rng.randbytes(TOKEN_BYTES)
            yield Request(
                arrival=0.0,
                text=group * shared + own * (prompt - shared + answer),
                prompt=prompt,
                answer=answer,
                limit=answer,
            )

    def _length(self, bounds: tuple[float, float], rng: Random) -> int:
        match self.level.scenario.shape:
            case "D":
                return round(bounds[0])
            case "N":
                return max(1, round(rng.gauss(*bounds)))
            case "U" | "dataset":
                return rng.randint(round(bounds[0]), round(bounds[1]))
