"""What is sent to a server: traffic scenarios (how long prompts and answers are) and load levels.

Scenario grammar, in tokens:

    D(100,50)             exactly 100 in, 50 out (deterministic)
    N(480,240)/(300,150)  normal: mean and standard deviation in / out
    U(50,100)/(200,250)   uniform between both bounds, in / out
    U(100,200)            uniform in 1…100, out 1…200
"""

import re
from typing import Any, Literal, Self

from pydantic import Field, model_serializer, model_validator

from core.task.frozen import Frozen

_NUMBER = r"\s*(\d+(?:\.\d+)?)\s*"
_PAIR = rf"\({_NUMBER},{_NUMBER}\)"
_GRAMMAR = re.compile(rf"\s*([DNU])\s*{_PAIR}\s*(?:/\s*{_PAIR}\s*)?", re.IGNORECASE)


class Scenario(Frozen):
    """The distribution of prompt and answer lengths, in tokens. Written and read as its text."""

    shape: Literal["D", "N", "U"]
    prompt: tuple[float, float]
    """D: (length, length). N: (mean, standard deviation). U: (low, high), both included."""
    output: tuple[float, float]
    """The same for the answer."""

    @model_validator(mode="before")
    @classmethod
    def _parse(cls, raw: Any) -> Any:
        if not isinstance(raw, str):
            return raw
        match = _GRAMMAR.fullmatch(raw)
        if match is None:
            raise ValueError(
                f"'{raw}' is no traffic scenario; write D(in,out), N(μ,σ)/(μ,σ) or U(a,b)/(c,d)"
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
            if self.shape == "N" and a < 1:
                raise ValueError(f"a mean {side} length of {a:g} tokens is below 1")
            if self.shape != "N" and min(a, b) < 1:
                raise ValueError(f"a {side} length of {min(a, b):g} tokens is below 1")
            if self.shape == "U" and a > b:
                raise ValueError(f"the {side} lengths run from {a:g} down to {b:g}")
        return self

    @model_serializer
    def _text(self) -> str:
        return str(self)

    def __str__(self) -> str:
        a, b = (f"{tokens:.12g}" for tokens in self.prompt)
        c, d = (f"{tokens:.12g}" for tokens in self.output)
        return f"D({a},{c})" if self.shape == "D" else f"{self.shape}({a},{b})/({c},{d})"


class Level(Frozen):
    """One load level: a scenario, sent closed-loop at a concurrency or open-loop at a rate."""

    scenario: Scenario
    concurrency: int | None = Field(default=None, ge=1)
    """Requests in flight at all times (closed loop); None for open loop."""
    request_rate: float | None = Field(default=None, gt=0)
    """Requests per second (open loop); None for closed loop."""

    @model_validator(mode="after")
    def _one_kind_of_load(self) -> Self:
        if (self.concurrency is None) == (self.request_rate is None):
            raise ValueError("a level has either a concurrency or a request rate")
        return self

    def __str__(self) -> str:
        if self.concurrency is not None:
            return f"{self.scenario} × {self.concurrency}"
        return f"{self.scenario} @ {self.request_rate:g}/s"
