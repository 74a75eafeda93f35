"""What is asked of the load generator: which server, and which load level, measured how.

Plain values only, so that a plan can be sent to another process, or to another machine.
"""

import os
from typing import Any, Literal, Self, TypeAlias
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from core.errors import AutotunerError, UsageError
from core.events import Failure
from core.task import Arrivals, Conversation, Dataset, Frozen, Level, SharedPrefix

Endpoint: TypeAlias = Literal["completions", "chat"]


class Target(Frozen):
    """A server to load, and how a request for an answer of a fixed length is put to it."""

    base_url: str
    """`http://127.0.0.1:30000`, `https://api.example.com/v1`; a trailing `/v1` is optional."""
    model: str
    """The model's name in requests."""
    endpoint: Endpoint = "completions"
    length_fields: tuple[str, ...] = ("max_tokens",)
    """Body fields that each take the number of output tokens."""
    extras: dict[str, Any] = Field(default_factory=dict)
    """Body fields that every request gets, such as `ignore_eos` or `temperature`."""
    api_key_variable: str | None = None
    """Environment variable that holds the API key. It goes before `server_key`."""
    server_key: str | None = Field(default=None, repr=False)
    """The key that the server was launched with; used where no variable is named. A target is sent
    to load workers, and neither stored nor shown."""
    verify_tls: bool = True
    """Whether an https server's certificate is checked."""

    @field_validator("base_url")
    @classmethod
    def _is_http(cls, url: str) -> str:
        parts = urlsplit(url)  # a port that is none raises a ValueError, too
        reachable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        if not reachable or parts.query or parts.fragment:
            raise ValueError(f"'{url}' is no base URL; write http://host:port or https://host")
        return url.rstrip("/").removesuffix("/v1")

    def api_key(self) -> str | None:
        """Return the API key: out of the environment, or the server's own.

        Raises:
            UsageError: the variable is named, but not set.
        """
        if self.api_key_variable is None:
            return self.server_key
        key = os.environ.get(self.api_key_variable)
        if not key:
            raise UsageError(f"${self.api_key_variable} is not set; it should hold the API key")
        return key

    def headers(self) -> dict[str, str]:
        """Return the headers that let a request in.

        Raises:
            UsageError: the key's variable is named, but not set.
        """
        key = self.api_key()
        return {"Authorization": f"Bearer {key}"} if key else {}


class LevelPlan(Frozen):
    """One load level to measure."""

    index: int = Field(ge=0)
    """Position among the task's levels."""
    level: Level
    requests: int = Field(ge=1)
    """Most measured requests, warm-up excluded."""
    max_seconds: float = Field(gt=0)
    """Longest time from the end of warm-up until the last measured answer."""
    warmup_seconds: float = Field(default=600.0, gt=0)
    """Longest warm-up. A load that is not steady by then is measured all the same, and noted."""
    request_timeout: float = Field(default=600.0, gt=0)
    """Longest time for one request, from the moment it was due; after that it has failed."""
    seed: int = 0
    thresholds: dict[str, float] = Field(default_factory=dict)
    """What a good request keeps, for goodput: seconds by metric, `{"ttft_p99": 1, "tpot": 0.05}`.
    Where several statistics of one latency are bound, a request is held to the loosest."""
    gpus: int = Field(default=1, ge=1)
    """GPUs of the server, for figures per GPU."""
    gpu_hour_price: float | None = Field(default=None, ge=0)
    """What one GPU costs for an hour, for the cost of tokens."""
    max_error_rate: float = Field(default=0.5, gt=0, le=1)
    """Share of failed requests at which the level is given up."""
    precision: float | None = Field(default=None, gt=0)
    """Half the 95 % interval of `deciding`, as a share of it, that is narrow enough: the level ends
    early once it is reached, and goes on up to `most_requests` if it is not."""
    deciding: str = "output_throughput"
    """The metric that has to be known with `precision`: `ttft_p90`, `e2e_latency_mean`, …"""
    most_requests: int | None = Field(default=None, ge=1)
    settle_slos: bool = False
    """Whether the level may not end early before it is certain which of `thresholds` hold; without
    a `precision`, whether it ends as soon as that is certain."""
    arrivals: Arrivals = Arrivals()
    """At a request rate."""
    trace: str | None = None
    """Path or URL of the recording that a level with a trace's speed replays."""
    shared_prefix: SharedPrefix | None = None
    """None, as for a dataset: no two prompts begin alike, so that no prefix cache helps unasked."""
    dataset: Dataset | None = None
    conversation: Conversation | None = None
    """In closed loop: each slot is a user."""

    @property
    def longest(self) -> int:
        """Most measured requests, with those by which the level may be extended."""
        if self.precision is None and not self.settle_slos:
            return self.requests
        return max(self.requests, self.most_requests or 0)

    @model_validator(mode="after")
    def _fits_the_loop(self) -> Self:
        if self.level.largest is not None:
            raise ValueError("the largest load is found by measuring others: core.load.capacity")
        if (self.trace is None) != (self.level.trace_speed is None):
            raise ValueError("a trace and its speed belong together")
        if self.conversation is not None and self.level.concurrency is None:
            raise ValueError("conversations are held in closed loop: give a concurrency")
        return self


class Progress(Frozen):
    """How the level under way is doing."""

    phase: Literal["warming", "measuring"]
    elapsed: float
    """Seconds since the phase began."""
    done: int
    """Requests finished in this phase."""
    planned: int
    """Requests the phase is expected to need."""
    failed: int
    output_throughput: float
    """Tokens per second since the last report."""
    ttft: float | None
    """Median of the requests so far, in seconds."""


class RequestTable(Frozen):
    """Every measured request of a level, one row each."""

    index: int
    """Position of the level among the task's levels."""
    data: bytes
    """A NumPy `.npz` archive with the structured array `requests`; `core.load.records` names its
    columns, and `records.unpack` reads it."""


class MeasurementError(AutotunerError):
    """A level that could not be measured; `failure` says why. The server is left as it is."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure
