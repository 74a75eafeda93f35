"""What a load is made of beside its scenario: how requests arrive, what they say, who asks.

benchmark:
  request_rate: [4, 8]
  arrivals: {process: gamma, burstiness: 0.5, ramp: 10s}
  shared_prefix: {prefix_tokens: 512, groups: 8, share: 0.9}
  conversation: {turns: 4, think_time: 2s}         # with num_concurrency: each is a user
  trace: {source: mooncake.jsonl, speed: [1, 2]}   # instead of scenarios and rates
  load_search: {over: request_rate, first: 4}      # for maximize_goodput and its like
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from core.task.durations import Pause
from core.task.frozen import Section
from core.task.traffic import LoadKind


def one_or_many(raw: Any) -> Any:
    """Read a single value as a list of one."""
    return raw if isinstance(raw, list | tuple) else [raw]


class Arrivals(Section):
    """How requests arrive in open loop."""

    process: Literal["poisson", "constant", "gamma"] = "poisson"
    """Gaps between requests: exponential, all alike, or gamma-distributed."""
    burstiness: float = Field(default=1.0, gt=0)
    """Shape of the gamma distribution of gaps: 1 is Poisson, below 1 is burstier."""
    ramp: Pause = 0.0
    """Time over which the rate rises from 0 to the full rate, in seconds. It belongs to the
    warm-up."""


class Trace(Section):
    """Requests as a server once got them: when, and how long. Files that are read:

    JSON lines with timestamp (ms), input_length, output_length and, if given, hash_ids: the prefix
    blocks of 512 tokens that prompts share (Mooncake). CSV with TIMESTAMP, ContextTokens,
    GeneratedTokens (Azure). Either with these names or `prompt_tokens`, `output_tokens`.
    """

    source: str = Field(min_length=1)
    """A path, or an http(s) URL."""
    speed: Annotated[tuple[Annotated[float, Field(gt=0)], ...], BeforeValidator(one_or_many)] = (
        Field(default=(1.0,), min_length=1)
    )
    """Times faster than it was recorded, one load level for each."""


class SharedPrefix(Section):
    """Random prompts, of which some begin alike, as they do under a common system prompt."""

    prefix_tokens: int = Field(ge=1)
    """Length of the common beginning, out of the prompt's length, in tokens."""
    groups: int = Field(default=1, ge=1)
    """How many different beginnings there are."""
    share: float = Field(default=1.0, ge=0, le=1)
    """Share of the requests that have one of them."""


class Dataset(Section):
    """Prompts out of a file: ShareGPT-form JSON, JSON lines, CSV or plain lines, packed or not.

    Fields that are understood: `prompt`, `messages`, `conversations`, `request_body`, and
    `output_tokens` for the answer's length, which is the scenario's otherwise.
    """

    source: str = Field(min_length=1)
    """A path, or an http(s) URL."""
    deduplicate: bool = True
    """Whether a prompt that comes twice is sent once."""
    most_mib: int = Field(default=1024, ge=1)
    """Largest file that is fetched or unpacked, in MiB."""


class Conversation(Section):
    """Requests that follow on one another: each turn sends all that was said before, and more.

    The scenario's prompt length is what a turn adds.
    """

    turns: int = Field(ge=2)
    """Questions in a conversation."""
    think_time: Pause = 0.0
    """From an answer until the next turn, in seconds."""


class LoadSearchRules(Section):
    """How the largest load that holds the SLOs is searched, where it is the objective."""

    over: LoadKind = "concurrency"
    """What grows: requests in flight, or requests per second."""
    first: float = Field(default=8.0, gt=0)
    """The load to begin with."""
    most: float = Field(default=1024.0, gt=0, le=100_000)
    """No larger load is tried."""
    tolerance: float = Field(default=0.05, gt=0, lt=1)
    """How close the border is found, as a share of the load."""
    repeats: int = Field(default=2, ge=0)
    """How often a load is measured again that leaves it open, at 95 % confidence, whether the SLOs
    hold; each time with twice the requests."""
