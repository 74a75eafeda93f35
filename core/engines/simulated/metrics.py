"""The Prometheus page, with SGLang's names. Times on it are those of the simulation. Pure."""

from bisect import bisect_left
from typing import NamedTuple

from core.engines.simulated.request import Request
from core.engines.simulated.scheduler import Step

LATENCY_BUCKETS = (
    0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3.0, 6.0, 12.0, 25.0, 50.0, 100.0, 200.0, 400.0,
)  # fmt: skip


class Histogram:
    """How often an observation fell into which bucket."""

    def __init__(self) -> None:
        self._counts = [0] * (len(LATENCY_BUCKETS) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count one observation."""
        self._counts[bisect_left(LATENCY_BUCKETS, value)] += 1
        self._sum += value

    def lines(self, name: str, label: str) -> list[str]:
        """Return the samples of the histogram."""
        lines, total = [], 0
        bounds = [*map(str, LATENCY_BUCKETS), "+Inf"]
        for bound, count in zip(bounds, self._counts, strict=True):
            total += count
            lines.append(f'{name}_bucket{{le="{bound}",{label}}} {total}')
        return [*lines, f"{name}_sum{{{label}}} {self._sum}", f"{name}_count{{{label}}} {total}"]


class Sample(NamedTuple):
    """One figure of the page."""

    name: str
    value: float
    meaning: str


class Metrics:
    """What a server counts."""

    def __init__(self) -> None:
        self.prompt_tokens = 0
        self.generation_tokens = 0
        self.cached_tokens = 0
        self.computed_tokens = 0
        self.requests = 0
        self.aborted = 0
        self.retracted = 0
        self.ttft = Histogram()
        self.e2e = Histogram()

    def count(self, step: Step) -> None:
        """Count what a step of a scheduler brought."""
        for request in step.prefilled:
            if request.generated == 1:
                self.prompt_tokens += request.prompt
                self.ttft.observe(step.end - request.arrival)
        self.generation_tokens += len(step.prefilled) + len(step.decoded) * step.steps
        self.cached_tokens += step.cached
        self.computed_tokens += step.computed
        self.retracted += len(step.retracted)

    def finished(self, request: Request) -> None:
        """Count a request that was answered to the end."""
        self.requests += 1
        self.e2e.observe(request.finished_at - request.arrival)

    @property
    def cache_hit_rate(self) -> float:
        """Share of all prompt tokens so far that the radix cache held."""
        seen = self.cached_tokens + self.computed_tokens
        return self.cached_tokens / seen if seen else 0.0

    def page(self, gauges: tuple[Sample, ...], model: str) -> bytes:
        """Return the page.

        Args:
            gauges: what is known beside the counters.
            model: the label of every sample.
        """
        escaped = model.replace("\\", r"\\").replace('"', r"\"")
        label = f'model_name="{escaped}"'
        counters = (
            Sample("prompt_tokens_total", self.prompt_tokens, "Tokens of prefilled prompts."),
            Sample("generation_tokens_total", self.generation_tokens, "Tokens generated."),
            Sample("cached_tokens_total", self.cached_tokens, "Prompt tokens that were cached."),
            Sample("num_requests_total", self.requests, "Requests answered to the end."),
            Sample("num_aborted_requests_total", self.aborted, "Requests whose client left."),
            Sample("num_retractions_total", self.retracted, "Requests that lost their place."),
        )
        hit_rate = Sample("cache_hit_rate", self.cache_hit_rate, "Share of prompt tokens cached.")
        lines = []
        for kind, samples in (("counter", counters), ("gauge", (*gauges, hit_rate))):
            for name, value, meaning in samples:
                lines += _heading(f"sglang:{name}", kind, meaning)
                lines.append(f"sglang:{name}{{{label}}} {value}")
        for name, histogram, meaning in (
            ("time_to_first_token_seconds", self.ttft, "Time to first token."),
            ("e2e_request_latency_seconds", self.e2e, "Time to last token."),
        ):
            lines += _heading(f"sglang:{name}", "histogram", meaning)
            lines += histogram.lines(f"sglang:{name}", label)
        return ("\n".join(lines) + "\n").encode()


def _heading(name: str, kind: str, meaning: str) -> list[str]:
    return [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"]
