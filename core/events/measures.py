"""What was measured at one load level. All times are seconds, all rates are per second."""

from typing import TypeAlias

from pydantic import Field

from core.task import STATISTICS, Frozen, Level, LoadKind, Statistic

Interval: TypeAlias = tuple[float, float]
"""Both ends of a 95 % confidence interval."""


class Distribution(Frozen):
    """How one quantity was spread over requests or tokens."""

    count: int = Field(ge=1)
    """Observations behind the figures."""
    effective: float | None = None
    """Independent observations they are worth, where that is known; at most `count`."""
    mean: float
    """The plain one. Of latencies: over all requests sent, failed ones counting as the time-out."""
    std: float
    """Sample standard deviation (n − 1); 0 for a single observation."""
    min: float
    """Smallest observation."""
    max: float
    """Largest observation."""
    percentiles: dict[Statistic, float]
    """By name, `p50` to `p99.9`. Of latencies: over all requests sent, where one that failed ranks
    above every other."""
    intervals: dict[Statistic, Interval] = Field(default_factory=dict)
    """Ends of the 95 % intervals of the mean and the percentiles, where they could be stated."""

    def of(self, statistic: Statistic) -> float:
        """Return the mean or a percentile."""
        return self.mean if statistic == "mean" else self.percentiles[statistic]


class RequestCounts(Frozen):
    """What became of the requests of one load level, warm-up excluded."""

    sent: int
    """Requests sent."""
    completed: int
    """Requests answered in full."""
    failed: dict[str, int] = Field(default_factory=dict)
    """Failed requests by kind: `timeout`, `http_503`, `connection_reset`, `no_tokens`, …"""

    @property
    def error_rate(self) -> float:
        """Share of the requests sent that failed."""
        return sum(self.failed.values()) / self.sent if self.sent else 0.0


class ClientFloor(Frozen):
    """What the load worker adds on an idle machine, measured against an echo in its own process."""

    ttft: float
    """Median error of a first token's arrival time, in seconds."""
    itl: float
    """99th percentile of the error of a gap between tokens, in seconds."""
    tokens_per_second: float
    """Streamed tokens that one worker can read in a second."""


class ClientHealth(Frozen):
    """How well the load worker itself kept up: what its own lateness may have added."""

    cpu_share: float
    """CPU seconds of the load workers per second and worker."""
    loop_lag_p99: float
    """How late the event loop woke up, 99th percentile, in seconds."""
    send_lag_p99: float
    """How long after its intended time a request was sent, 99th percentile, in seconds."""
    read_lag_p99: float | None = None
    """How long an answer's bytes lay in the kernel before they were read, 99th percentile, in
    seconds. Arrival times are the kernel's, so this is not in the latencies. None: the kernel gives
    none, and they are."""
    ttft_error: float = 0.0
    """Estimate of what the client added to the mean TTFT, in seconds."""
    tpot_error: float = 0.0
    """Estimate of the client's error in the mean TPOT, in seconds."""
    workers: int = 1
    """Load worker processes."""
    floor: ClientFloor | None = None
    """What it adds when nothing else is going on; null where it was not measured."""
    bound: bool = False
    """Whether the client, not the server, set the figures. Such a sub-round proves nothing."""


class TimeSeries(Frozen):
    """A level second by second: the load all along, warm-up included."""

    began: float
    """Seconds from the opening of the window to the first step; below 0 for the warm-up."""
    step: float
    """Seconds from one figure to the next."""
    output_throughput: tuple[float, ...]
    """Tokens that arrived, per second."""
    in_flight: tuple[float, ...]
    """Requests under way, on average."""
    ttft: tuple[float | None, ...]
    """Median of the requests whose first token came then."""


class GpuUse(Frozen):
    """What one GPU of the server did while a level was measured. None: it did not tell."""

    uuid: str
    """Which GPU."""
    utilization: float | None
    """Mean share of time in which any kernel ran."""
    power: float | None
    """Mean power, in watts."""
    peak_memory: int | None
    """Most memory that was in use, in bytes."""
    throttled_share: float
    """Share of the samples in which something held the clocks down."""
    course: tuple[tuple[float, float | None, float | None, int | None, float | None], ...] = ()
    """Samples: Unix time, utilization, watts, bytes in use, degrees Celsius."""


class Probe(Frozen):
    """One load that was tried in the search for the largest that holds the SLOs."""

    load: float
    """Requests in flight, or requests per second."""
    holds: bool
    """Whether every SLO held."""
    certain: bool
    """Whether that is so by the 95 % intervals, not just by the figures."""
    requests: int = 0
    """Requests that were measured."""
    output_throughput: float | None = None
    """Generated tokens per second; None where it could not be measured."""
    goodput: float | None = None
    """Requests per second that held every SLO; None where it could not be measured."""
    figures: dict[str, float | None] = Field(default_factory=dict)
    """What the SLOs bound, by the names of their metrics, in seconds."""
    failure: str = ""
    """Why the load could not be measured, and so does not hold: `12 of 20 requests failed`."""


class LoadFound(Frozen):
    """The largest load that holds every SLO, and how it was found."""

    over: LoadKind
    """What was varied: requests in flight, or requests per second."""
    load: float | None
    """None: no load that was tried holds them."""
    broke: float | None
    """The smallest load that was found not to hold them. None: even the largest tried does."""
    certain: bool
    """Whether the border is as close as was asked, and known on both sides by 95 % intervals, not
    just by the figures."""
    client_bound: bool = False
    """Whether the search ended because the client could not give more load."""
    given_up: bool = False
    """Whether it ended at the first probe, at the load that another configuration holds."""
    probes: tuple[Probe, ...] = ()
    """Every load that was tried, in order."""


class ServerMetrics(Frozen):
    """What the server itself counted within the window. None: it does not tell."""

    prompt_tokens: float | None = None
    """Tokens of the prompts it took in."""
    output_tokens: float | None = None
    """Tokens it generated, for whomever."""
    running: float | None = None
    """Requests in the running batch, on average."""
    running_peak: float | None = None
    """The most of those at one look."""
    queued: float | None = None
    """Requests that waited, on average."""
    queued_peak: float | None = None
    """The most of those at one look."""
    kv_usage: float | None = None
    """Share of the KV cache in use, on average."""
    kv_usage_peak: float | None = None
    """The largest share at one look."""
    preemptions: float | None = None
    """How often a request lost its place in the batch because the KV cache was full."""
    cache_hit_rate: float | None = None
    """Share of the prompt tokens that the prefix cache held."""
    samples: int = Field(ge=0)
    """Looks at the server's page of metrics, about one a second."""
    course: tuple[tuple[float, float | None, float | None, float | None], ...] = ()
    """Samples: Unix time, requests running, requests waiting, share of the KV cache in use."""


class SubRound(Frozen):
    """The result of one load level of one experiment."""

    index: int = Field(ge=0)
    """Position among the task's levels."""
    level: Level
    """The load."""
    started_at: float
    """Unix time at which the measured window opened."""
    duration: float
    """Length of the measured window, in seconds."""
    requests: RequestCounts
    """What became of its requests."""
    ttft: Distribution | None
    """Time to first token, in seconds. None, as for the others: no request got that far."""
    tpot: Distribution | None
    """Time per output token after the first, in seconds: (E2E − TTFT) / (output tokens − 1) of each
    request."""
    itl: Distribution | None
    """Gaps between chunks that carried tokens, in seconds, pooled over requests."""
    e2e_latency: Distribution | None
    """From the moment a request was due to its last token, in seconds."""
    prompt_tokens: Distribution | None
    """Prompt lengths as the server counted them."""
    output_tokens: Distribution | None
    """Answer lengths as the server counted them."""
    request_throughput: float
    """Completed requests per second."""
    input_throughput: float
    """Prompt tokens of completed requests per second."""
    output_throughput: float
    """Generated tokens per second."""
    output_throughput_interval: Interval | None = None
    """Ends of the 95 % interval of `output_throughput`; None: it could not be stated."""
    goodput: float | None = None
    """Requests per second that held every SLO; failures do not. None: the task has no SLO."""
    goodput_by_slo: dict[str, float] = Field(default_factory=dict)
    """Requests per second that held the SLO on this latency, whatever they did of the others."""
    attainment: float | None = None
    """Share of the requests sent that held every SLO."""
    attainment_interval: Interval | None = None
    """Ends of the 95 % interval of `attainment`; None: it could not be stated."""
    ttft_from_send: Distribution | None = None
    """Time to first token from the moment the request was sent, not from when it was due."""
    stream_end: Distribution | None = None
    """From the moment a request was due to the end of the stream, after the last token."""
    tokens_per_chunk: float | None = None
    """Output tokens for each chunk that carried any. Above 1, `itl` is not the gap of tokens."""
    itl_per_token: Distribution | None = None
    """`itl` spread evenly over the tokens of a chunk; None where a chunk is a token."""
    series: TimeSeries | None = None
    """The level second by second; None where it was not kept."""
    steady: bool | None = None
    """Whether the load was steady before the window opened and the requests in flight did not pile
    up within it. None: unknown."""
    power: float | None = None
    """Mean power of the server's GPUs over the window, in watts."""
    gpu_hour_price: float | None = None
    """What one GPU costs for an hour, in the user's currency."""
    gpus: int = Field(default=1, ge=1)
    """GPUs of the server; what "per GPU" divides by. 1 for a server without any."""
    gpu_use: tuple[GpuUse, ...] = ()
    """What each of the server's GPUs did."""
    contaminated_by: tuple[str, ...] = ()
    """Processes of others that computed on the server's GPUs meanwhile, in words."""
    server: ServerMetrics | None = None
    """The same window as the server saw it; None where it has no page of metrics."""
    client: ClientHealth | None = None
    """How well the load worker kept up; None where it was not measured."""
    found: LoadFound | None = None
    """Where the largest load was asked for: the search for it. All other figures are of the load
    that was found, or of the least that was tried where none holds the SLOs."""
    notes: tuple[str, ...] = ()
    """What a reader has to know before trusting the figures, a sentence each."""

    @property
    def total_throughput(self) -> float:
        """Prompt and generated tokens per second."""
        return self.input_throughput + self.output_throughput

    @property
    def energy_per_token(self) -> float | None:
        """Joules for each output token."""
        if self.power is None or not self.output_throughput:
            return None
        return self.power / self.output_throughput

    @property
    def throughput_per_watt(self) -> float | None:
        """Prompt and generated tokens per second and watt."""
        return self.total_throughput / self.power if self.power else None

    @property
    def cost_per_million_tokens(self) -> float | None:
        """What a million prompt and generated tokens cost, in the user's currency."""
        if self.gpu_hour_price is None or not self.total_throughput:
            return None
        return self.gpu_hour_price * self.gpus / 3600 / self.total_throughput * 1e6

    @property
    def load_under_slo(self) -> float | None:
        """The largest load that holds every SLO: requests in flight, or per second.

        None where it was not asked for, and where no load that was tried holds them.
        """
        return None if self.found is None else self.found.load

    @property
    def goodput_under_slo(self) -> float | None:
        """The goodput at that load."""
        return None if self.load_under_slo is None else self.goodput

    def metric(self, name: str) -> float | None:
        """Return a figure by the name it has everywhere, or None where it was not measured.

        Raises:
            KeyError: there is no such metric.
        """
        family, _, statistic = name.rpartition("_")
        if family in _FAMILIES and statistic in STATISTICS:
            distribution: Distribution | None = getattr(self, family)
            return None if distribution is None else distribution.of(statistic)
        match name:
            case "total_throughput_per_gpu":
                return self.total_throughput / self.gpus
            case "output_throughput_per_gpu":
                return self.output_throughput / self.gpus
            case "load_under_slo_per_gpu":
                return self._per_gpu(self.load_under_slo)
            case "goodput_under_slo_per_gpu":
                return self._per_gpu(self.goodput_under_slo)
            case "error_rate":
                return self.requests.error_rate
            case (
                "request_throughput"
                | "output_throughput"
                | "total_throughput"
                | "goodput"
                | "attainment"
                | "load_under_slo"
                | "goodput_under_slo"
                | "energy_per_token"
                | "throughput_per_watt"
                | "cost_per_million_tokens"
            ):
                figure: float | None = getattr(self, name)
                return figure
        raise KeyError(name)

    def _per_gpu(self, figure: float | None) -> float | None:
        return None if figure is None else figure / self.gpus


_FAMILIES = ("ttft", "tpot", "itl", "e2e_latency")
