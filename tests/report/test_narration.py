"""A run in one line."""

import pytest

from core.events import Confirmation, Contender, Gain
from core.report.narration import standing
from core.task import Configuration
from tests.report.runs import RADIX_ON, chat_events, conclusion, winner_of

GAIN = "+5.0 % [-1.0 … +9.0] against"


@pytest.mark.parametrize(
    ("status", "line"),
    [
        ("better", f"★ best: experiment 2, 6,500 tok/s/GPU, {GAIN} the defaults"),
        ("indistinct", f"keep the defaults: experiment 2 is not distinguishable, {GAIN} them"),
        ("worse", f"keep the defaults: experiment 2 is worse, {GAIN} them"),
    ],
)
def test_what_fresh_launches_did_not_prove_is_not_called_the_best(status: str, line: str) -> None:
    run = conclusion(chat_events())
    number = winner_of(run).number
    gain = Gain(share=0.05, low=-0.01, high=0.09, probability=0.9, noise=0.02, repeats=3, control=3)
    chosen = Contender(
        experiment=number, configuration=Configuration(RADIX_ON), runs=(), value=6500.0,
        feasible=True, gain=gain,
    )  # fmt: skip
    run.state.confirmation = Confirmation(
        status=status,  # type: ignore[arg-type]
        reason="3 against 3", winner=number, contenders=(chosen,),
    )  # fmt: skip
    assert standing(run.state) == line
