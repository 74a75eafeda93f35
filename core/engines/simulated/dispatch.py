"""From requests to replicas and back: who waits for which answer, and what the server counts."""

import time
from collections.abc import Callable
from functools import partial
from http import HTTPStatus

from core.engines.simulated.answers import Answer
from core.engines.simulated.completions import Ask
from core.engines.simulated.memory import GpuMemoryError
from core.engines.simulated.metrics import Metrics, Sample
from core.engines.simulated.pacing import PacedReplica, VirtualClock
from core.engines.simulated.request import Request
from core.engines.simulated.scheduler import Step
from core.engines.simulated.startup import Launch
from core.engines.simulated.wire import Connection

LOG_INTERVAL = 1.0
"""Wall seconds between two lines about the running batch, at the least."""
LATE = 0.05
"""Wall seconds of lateness that deserve a warning."""


class Client:
    """Whoever waits for an answer."""

    def __init__(self, ask: Ask, answer: Answer, connection: Connection) -> None:
        self._stream = ask.stream
        self._answer = answer
        self._connection = connection

    def send(self, count: int) -> None:
        """Send the word that makes `count` words of the answer; the last comes with `finish`."""
        if self._stream:
            if count == 1:
                self._connection.write(self._answer.opening())
            if count < self._answer.length:
                self._connection.write(self._answer.word(count - 1))

    def finish(self) -> None:
        """Send the end of the answer."""
        if self._stream:
            self._connection.write(self._answer.closing())
            self._connection.end()
        else:
            self._connection.respond(HTTPStatus.OK, self._answer.whole())


class Dispatcher:
    """The replicas of a server that is up, and their clients."""

    def __init__(
        self,
        launched: Launch,
        seed: int,
        model: str,
        log: Callable[[str], None],
        crash: Callable[[GpuMemoryError], None],
    ) -> None:
        self.metrics = Metrics()
        self._capacity = launched.memory.kv_tokens * launched.settings.arguments.dp_size
        self._model = model
        self._log = log
        self._clock = VirtualClock(launched.settings.arguments.speed)
        self._replicas = [
            PacedReplica(scheduler, self._clock, self._deliver, crash)
            for scheduler in launched.replicas(seed)
        ]
        self._clients: dict[Request, Client] = {}
        self._turn = 0
        self._next_log = 0.0
        self._logged = (0, 0.0)
        self._throughput = 0.0

    @property
    def full(self) -> bool:
        """Whether the queue of the replica whose turn it is takes no further request."""
        return self._replicas[self._turn % len(self._replicas)].scheduler.full

    def submit(self, ask: Ask, limit: int, connection: Connection) -> None:
        """Give the request to the replica whose turn it is; the answer goes to the connection."""
        replica = self._replicas[self._turn % len(self._replicas)]
        self._turn += 1
        answer = Answer(
            ask, limit, identity=self._turn, model=self._model, created=int(time.time())
        )
        request = Request(
            arrival=self._clock.now(),
            text=answer.tokens,
            prompt=ask.prompt,
            answer=answer.length,
            limit=limit,
        )
        self._clients[request] = Client(ask, answer, connection)
        connection.on_disconnect = partial(self._abort, request, replica)
        replica.submit(request)

    def flush(self) -> bool:
        """Empty the radix caches; return False, and do nothing, while requests run."""
        schedulers = [replica.scheduler for replica in self._replicas]
        if not all(scheduler.idle for scheduler in schedulers):
            return False
        for scheduler in schedulers:
            scheduler.cache.flush()
        return True

    def gauges(self) -> tuple[Sample, ...]:
        """Return the present state."""
        schedulers = [replica.scheduler for replica in self._replicas]
        running = sum(len(scheduler.running) for scheduler in schedulers)
        waiting = sum(len(scheduler.waiting) for scheduler in schedulers)
        used = sum(scheduler.cache.used_tokens for scheduler in schedulers)
        lag = max(replica.lag for replica in self._replicas)
        return (
            Sample("num_running_reqs", running, "Requests in the running batch."),
            Sample("num_queue_reqs", waiting, "Requests in the queue."),
            Sample("num_used_tokens", used, "Tokens in KV pages that running requests hold."),
            Sample("token_usage", used / self._capacity, "Share of the KV cache that they hold."),
            Sample("max_total_num_tokens", self._capacity, "Tokens that the KV cache holds."),
            Sample("gen_throughput", self._throughput, "Tokens generated per second of late."),
            Sample("lag_seconds", lag, "How late the last step came, by the wall's clock."),
        )

    def _abort(self, request: Request, replica: PacedReplica) -> None:
        del self._clients[request]
        self.metrics.aborted += 1
        replica.scheduler.abort(request)

    def _deliver(self, step: Step) -> None:
        """Send what a step brought to those who wait for it."""
        self.metrics.count(step)
        clients = self._clients
        for batch in (step.prefilled, step.decoded):
            for request in batch:
                client = clients.get(request)
                if client is not None:
                    client.send(request.generated)
        for request in step.finished:
            client = clients.pop(request, None)
            if client is not None:
                self.metrics.finished(request)
                client.finish()
        self._log_batch()

    def _log_batch(self) -> None:
        now = time.monotonic()
        if now < self._next_log:
            return
        self._next_log = now + LOG_INTERVAL
        tokens, moment = self._logged
        self._logged = self.metrics.generation_tokens, self._clock.now()
        self._throughput = (self._logged[0] - tokens) / (self._logged[1] - moment)
        state = {gauge.name: gauge.value for gauge in self.gauges()}
        self._log(
            f"Decode batch. #running-req: {state['num_running_reqs']:.0f}, "
            f"#token: {state['num_used_tokens']:.0f}, "
            f"token usage: {state['token_usage']:.2f}, "
            f"cache hit rate: {self.metrics.cache_hit_rate:.2f}, "
            f"gen throughput (token/s): {self._throughput:.2f}, "
            f"#queue-req: {state['num_queue_reqs']:.0f}"
        )
        if state["lag_seconds"] > LATE:
            self._log(
                f"WARNING: this host is too slow for --speed {self._clock.speed:g}: "
                f"tokens come {state['lag_seconds']:.2f} s late"
            )
