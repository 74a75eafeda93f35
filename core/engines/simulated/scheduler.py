"""The continuous-batching scheduler of one replica, on a virtual clock. Pure.

Every call of `advance` plays one step of the engine, as SGLang's scheduler takes them: prefill
first, in chunks; decode otherwise; both at once with `enable-mixed-chunk`. A run of decode steps
over an unchanging batch is played in one go, because its length in seconds has a closed form.
"""

import math
from dataclasses import dataclass, field
from random import Random

from core.engines.simulated.admission import RETRACT_STEPS, ExpectedUse, ordering, rest
from core.engines.simulated.arguments import Settings
from core.engines.simulated.kv_cache import KvCache
from core.engines.simulated.memory import MemoryPlan
from core.engines.simulated.request import Request
from core.engines.simulated.roofline import Roofline

BLOCKED_RUN = 8
"""Decode steps until a queue that waits for memory is looked at again."""
STEP_NOISE = 2.0
"""Noise of one step, in units of the noise between launches."""
NOISELESS = 0.8
"""Share of its expected length that a run of steps hardly ever falls short of."""


@dataclass(slots=True)
class Step:
    """What one call of `advance` played."""

    start: float
    end: float
    first_end: float
    """End of the first decode step, where there are several."""
    steps: int = 1
    """Decode steps that were played in one go."""
    prefilled: list[Request] = field(default_factory=list)
    """Requests whose prompt was completed: each has a new token at the end of the step."""
    decoded: list[Request] = field(default_factory=list)
    """Requests that gained a token in each of the steps."""
    since: list[float] = field(default_factory=list)
    """For each first new token that is not the first of its answer: when the one before it came."""
    finished: list[Request] = field(default_factory=list)
    retracted: list[Request] = field(default_factory=list)
    """Requests that lost their place before the step, for want of memory."""
    computed: int = 0
    """Prompt tokens that were computed, ..."""
    cached: int = 0
    """... and those that were found in the radix cache instead."""


class Scheduler:
    """One replica: a queue, a running batch, a KV cache."""

    def __init__(
        self,
        settings: Settings,
        memory: MemoryPlan,
        roofline: Roofline,
        max_running: int,
        rng: Random,
    ) -> None:
        arguments = settings.arguments
        self.cache = KvCache(
            memory.kv_tokens, arguments.page_size, radix=not arguments.disable_radix_cache
        )
        self.waiting: list[Request] = []
        self.running: list[Request] = []
        self._partial: Request | None = None
        """The request whose prompt is being prefilled chunk by chunk."""
        self._memory = memory
        self._roofline = roofline
        self._budget = settings.prefill_budget
        self._chunked = settings.chunked_prefill_size > 0
        self._mixed = arguments.enable_mixed_chunk
        self._max_running = max_running
        self._max_queued = arguments.max_queued_requests
        self._rng = rng
        self._noise = arguments.noise * STEP_NOISE
        self._pace = math.exp(rng.gauss(0.0, arguments.noise))
        self._order = ordering(arguments.schedule_policy, self.cache, rng)
        self._expected = ExpectedUse(arguments.schedule_conservativeness)

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.waiting or self.running or self._partial)

    @property
    def full(self) -> bool:
        """Whether the queue takes no further request."""
        return self._max_queued is not None and len(self.waiting) >= self._max_queued

    @property
    def undisturbed(self) -> float:
        """Seconds, at the least, until a request can be finished."""
        if self.waiting or self._partial is not None or not self.running:
            return 0.0
        left = min([request.answer - request.generated for request in self.running])
        context = sum([request.length for request in self.running])
        first = self._roofline.decode(len(self.running), context).first
        return left * first * self._pace * NOISELESS

    def submit(self, request: Request) -> None:
        """Queue a request. Prompt and limit together must fit the KV cache."""
        self.waiting.append(request)

    def abort(self, request: Request) -> None:
        """Forget a request, wherever it is."""
        if request in self.waiting:
            self.waiting.remove(request)
            return
        if request is self._partial:
            self._partial = None
        elif request in self.running:
            self.running.remove(request)
        self.cache.release(request)

    def advance(self, now: float, until: float = 0.0) -> Step | None:
        """Play the next step, or the decode steps up to the first that ends at `until` or later.

        Returns:
            The step, or None when there is nothing to do.

        Raises:
            GpuMemoryError: the step's activations do not fit.
        """
        if not self.running:
            self._expected.reset()
        chunks = self._admit()
        if chunks:
            return self._prefill(now, chunks)
        if self.running:
            return self._decode(now, until)
        return None

    def _admit(self) -> list[tuple[Request, int]]:
        """Choose what to prefill next: requests, and how many prompt tokens of each."""
        slots = self._max_running - len(self.running)
        if self._partial is None and (not self.waiting or slots <= 0):
            return []
        page = self.cache.page_size
        budget = max(self._budget - (len(self.running) if self._mixed else 0), page)
        promised = self._expected.tokens(self.running) / page
        chunks: list[tuple[Request, int]] = []
        if (partial := self._partial) is not None:
            self._partial = None
            budget -= self._take(partial, budget, chunks)
            promised += -(-(partial.missing + rest(partial)) // page)
        if self._order is not None and len(self.waiting) > 1:
            self._order(self.waiting)
        admitted = 0
        for request in self.waiting:
            if len(chunks) == slots or self._partial is not None:
                break
            self.cache.attach(request)
            promised += -(-(request.missing + rest(request)) // page)
            fits = promised <= self.cache.available
            taken = self._take(request, budget, chunks) if fits else 0
            if taken == 0:
                self.cache.release(request)
                break
            budget -= taken
            admitted += 1
        del self.waiting[:admitted]
        return chunks

    def _take(self, request: Request, budget: int, chunks: list[tuple[Request, int]]) -> int:
        """Add what `budget` allows of the request's prompt to the step; return its tokens."""
        tokens = request.missing
        if tokens > budget:
            if self._chunked:
                tokens = budget // self.cache.page_size * self.cache.page_size
            elif chunks:
                return 0
        if tokens > 0:
            chunks.append((request, tokens))
            if tokens < request.missing:
                self._partial = request
        return tokens

    def _prefill(self, now: float, chunks: list[tuple[Request, int]]) -> Step:
        page = self.cache.page_size
        pages = [-(-tokens // page) for _, tokens in chunks]
        retracted = self._make_room(sum(pages), decoding=self._mixed)
        batch = self.running if self._mixed else []
        computed = sum([tokens for _, tokens in chunks])
        self._memory.check_step(computed + len(batch), len(chunks) + len(batch))
        seconds = self._roofline.prefill(
            [(tokens, request.computed) for request, tokens in chunks],
            len(batch),
            sum([request.length for request in batch]),
        )
        end = now + seconds * self._jitter(1)
        since = self._extend(batch, 1, end)
        cached = sum([request.computed for request, _ in chunks if request.private == 0])
        prefilled = self._fill(chunks, pages)
        since += [request.token_at for request in prefilled if request.generated]
        for request in prefilled:
            self._begin_answer(request, end)
        self.running = [*self.running, *prefilled]
        return Step(
            start=now,
            end=end,
            first_end=end,
            computed=computed,
            cached=cached,
            prefilled=prefilled,
            decoded=batch,
            since=since,
            finished=self._finish(end),
            retracted=retracted,
        )

    def _fill(self, chunks: list[tuple[Request, int]], pages: list[int]) -> list[Request]:
        """Compute the chunks and return the requests whose prompts are complete with them."""
        self.cache.reserve(sum(pages))
        for (request, tokens), more in zip(chunks, pages, strict=True):
            request.private += more
            request.computed += tokens
        return [request for request, _ in chunks if request.missing == 0]

    def _begin_answer(self, request: Request, end: float) -> None:
        """Give the request the token that its prefill ends with."""
        self.cache.share(request, request.computed)
        if request.generated == 0:
            request.first_token_at = end
        request.generated += 1
        request.token_at = end

    def _decode(self, now: float, until: float) -> Step:
        retracted = self._make_room(0, decoding=True)
        batch = self.running
        size = len(batch)
        self._memory.check_step(size, size)
        run = self._roofline.decode(size, sum([r.prompt + r.generated for r in batch]))
        steps = 1
        if until > now:
            steps = min([request.answer - request.generated for request in batch])
            if until < math.inf:
                steps = min(steps, run.steps_until((until - now) / self._pace))
            if self.waiting and size < self._max_running:
                steps = min(steps, BLOCKED_RUN)
            steps = self._affordable(steps)
        pace = self._jitter(steps)
        end = now + run.total(steps) * pace
        since = self._extend(batch, steps, end)
        self._expected.decay(steps)
        return Step(
            start=now,
            end=end,
            first_end=now + run.first * pace,
            steps=steps,
            decoded=batch,
            since=since,
            finished=self._finish(end),
            retracted=retracted,
        )

    def _extend(self, batch: list[Request], steps: int, end: float) -> list[float]:
        """Let every request of the batch gain `steps` tokens, the last of them at `end`.

        Returns:
            When each of them had gained its last token before.
        """
        pages = self._pages(batch, steps)
        self.cache.reserve(sum(pages))
        since = [request.token_at for request in batch]
        for request, more in zip(batch, pages, strict=True):
            request.private += more
            request.generated += steps
            request.token_at = end
        return since

    def _pages(self, batch: list[Request], steps: int) -> list[int]:
        """Return how many new pages each request of the batch needs for `steps` tokens.

        The token that was generated last is not in the cache yet.
        """
        page = self.cache.page_size
        if page == 1:
            return [steps] * len(batch)
        last = [request.prompt + request.generated - 2 for request in batch]
        return [(place + steps) // page - place // page for place in last]

    def _affordable(self, steps: int) -> int:
        """Return how many of `steps` decode steps the KV cache has room for, at least one."""
        available = self.cache.available
        if len(self.running) * (steps // self.cache.page_size + 1) <= available:
            return steps
        while steps > 1 and sum(self._pages(self.running, steps)) > available:
            steps //= 2
        return steps

    def _finish(self, end: float) -> list[Request]:
        """Take the requests out of the batch whose answer is complete."""
        finished = [request for request in self.running if request.generated == request.answer]
        for request in finished:
            request.finished_at = end
            self.cache.share(request, request.length - 1)
            self.cache.release(request)
        if finished:
            self.running = [r for r in self.running if r.generated < r.answer]
        return finished

    def _make_room(self, beside: int, *, decoding: bool) -> list[Request]:
        """Retract running requests until there are pages for the next step, and some to spare.

        Those with the shortest answers so far go first, as least work is lost with them.

        Args:
            beside: pages wanted for prefill.
            decoding: whether every running request also gains a token.
        """
        retracted: list[Request] = []
        steps = 1 if decoding else 0
        if self.cache.available >= beside + len(self.running) * steps:
            return retracted
        while beside + sum(self._pages(self.running, steps)) > self.cache.available:
            victim = min(self.running, key=lambda request: (request.generated, -request.prompt))
            self.running.remove(victim)
            self.cache.release(victim)
            victim.retractions += 1
            retracted.append(victim)
            if len(self.running) == 1 and not beside:
                break
            steps = RETRACT_STEPS if decoding else 0
        if retracted:
            self.waiting += retracted
            self._expected.learn(self.running)
        return retracted

    def _jitter(self, steps: int) -> float:
        """Return how much slower than the model this launch, and this run of steps, is."""
        # The sum of two evenly drawn numbers: nearly normal, and cheaper.
        spread = (self._rng.random() + self._rng.random() - 1.0) * math.sqrt(6.0 / steps)
        return self._pace * max(0.5, 1.0 + self._noise * spread)
