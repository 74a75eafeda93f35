"""What is sent to a server: traffic scenarios (how long prompts and answers are) and load levels.

Scenario grammar, in tokens:

    D(100,50)             exactly 100 in, 50 out (deterministic)
    N(480,240)/(300,150)  normal: mean and standard deviation in / out
    U(50,100)/(200,250)   uniform between both bounds, in / out
    U(100,200)            uniform in 1…100, out 1…200
    dataset               prompts as the dataset has them; answers as it says, or of 100
"""

import re
from typing import Any, Literal, Self, TypeAlias

from pydantic import Field, model_serializer, model_validator

from core.task.frozen import Frozen

_NUMBER = r"\s*(\d+(?:\.\d+)?)\s*"
_PAIR = rf"\({_NUMBER},{_NUMBER}\)"
_GRAMMAR = re.compile(rf"\s*([DNU])\s*{_PAIR}\s*(?:/\s*{_PAIR}\s*)?", re.IGNORECASE)

_DATASET = "dataset"
_LONGEST = 100_000_000


class Scenario(Frozen):
    """The distribution of prompt and answer lengths, in tokens. Written and read as its text."""

    shape: Literal["D", "N", "U", "dataset"]
    prompt: tuple[float, float]
    """D: (length, length). N: (mean, standard deviation). U: (low, high), both included. dataset:
    only an example."""
    output: tuple[float, float]
    """The same for the answer."""

    @model_validator(mode="before")
    @classmethod
    def _parse(cls, raw: Any) -> Any:
        if not isinstance(raw, str):
            return raw
        if raw.strip().lower() == _DATASET:
            return {"shape": _DATASET, "prompt": (100, 100), "output": (100, 100)}
        match = _GRAMMAR.fullmatch(raw)
        if match is None:
            raise ValueError(
                f"'{raw}' is no traffic scenario; write D(in,out), N(μ,σ)/(μ,σ), U(a,b)/(c,d) or"
                " dataset"
            )
        shape = match[1].upper()
        first, second = float(match[2]), float(match[3])
        if match[4] is not None:
            if shape == "D":
                raise ValueError(f"'{raw}': D takes one pair, D(in,out)")
            return {
                "shape": shape,
                "prompt": (first, second),
                "output": (float(match[4]), float(match[5])),
            }
        if shape == "N":
            raise ValueError(f"'{raw}': N takes two pairs, N(μ,σ)/(μ,σ)")
        low = (first, second) if shape == "D" else (1.0, 1.0)
        return {"shape": shape, "prompt": (low[0], first), "output": (low[1], second)}

    @model_validator(mode="after")
    def _check(self) -> Self:
        for side, (a, b) in (("prompt", self.prompt), ("answer", self.output)):
            if max(a, b) > _LONGEST:
                raise ValueError(f"the {side} length of {max(a, b):g} tokens is beyond any model")
            if self.shape == "N" and a < 1:
                raise ValueError(f"a mean {side} length of {a:g} tokens is below 1")
            if self.shape != "N" and min(a, b) < 1:
                raise ValueError(f"the {side} length of {min(a, b):g} tokens is below 1")
            if self.shape == "U" and a > b:
                raise ValueError(f"the {side} lengths run from {a:g} down to {b:g}")
        return self

    @model_serializer
    def _text(self) -> str:
        return str(self)

    def __str__(self) -> str:
        if self.shape == _DATASET:
            return _DATASET
        a, b = (f"{tokens:.12g}" for tokens in self.prompt)
        c, d = (f"{tokens:.12g}" for tokens in self.output)
        return f"D({a},{c})" if self.shape == "D" else f"{self.shape}({a},{b})/({c},{d})"


LoadKind: TypeAlias = Literal["concurrency", "request_rate"]
"""What grows in a search for the largest load."""


class Level(Frozen):
    """One load level: a scenario in closed loop, in open loop, or as large as the SLOs allow."""

    scenario: Scenario
    """Prompt and answer lengths in tokens: `D(1000,200)`, …"""
    concurrency: int | None = Field(default=None, ge=1)
    """Requests in flight at all times (closed loop)."""
    request_rate: float | None = Field(default=None, gt=0)
    """Requests per second (open loop)."""
    trace_speed: float | None = Field(default=None, gt=0)
    """Times faster than it was recorded at which a trace is replayed (open loop). Lengths are the
    trace's then, not the scenario's."""
    largest: LoadKind | None = None
    """What is to be as large as the SLOs allow. The result has the load that was found instead."""

    @model_validator(mode="after")
    def _one_kind_of_load(self) -> Self:
        kinds = (self.concurrency, self.request_rate, self.trace_speed, self.largest)
        if sum(kind is not None for kind in kinds) != 1:
            raise ValueError(
                "a level has either a concurrency, a request rate, a trace's speed, or the largest"
                " load that holds the SLOs"
            )
        return self

    def __str__(self) -> str:
        if self.concurrency is not None:
            return f"{self.scenario} × {self.concurrency}"
        if self.request_rate is not None:
            return f"{self.scenario} @ {self.request_rate:g}/s"
        if self.trace_speed is not None:
            return f"trace, speed {self.trace_speed:g}"
        return f"{self.scenario}, largest {str(self.largest).replace('_', ' ')}"
