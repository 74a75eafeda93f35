"""Recorded traffic in the forms that are published."""

from typing import Any

import pytest

from core.errors import UsageError
from core.load.traces import Recorded, recorded

MOONCAKE = [
    {"timestamp": 3000, "input_length": 600, "output_length": 20, "hash_ids": [1, 2]},
    {"timestamp": 0, "input_length": 512, "output_length": 10, "hash_ids": [1]},
]
AZURE = [
    {"TIMESTAMP": "2023-11-16 18:15:46.6805900", "ContextTokens": "374", "GeneratedTokens": "44"},
    {"TIMESTAMP": "2023-11-16 18:15:50.9951690", "ContextTokens": "396", "GeneratedTokens": "109"},
]
BURSTGPT = [{"Timestamp": "5.0", "Request tokens": "472", "Response tokens": "18"}]


def test_mooncake_counts_in_milliseconds_and_names_its_blocks() -> None:
    assert recorded(MOONCAKE, speed=1) == [
        Recorded(0, 512, 10, (1,)),
        Recorded(3, 600, 20, (1, 2)),
    ]


def test_azure_has_dates_of_seven_decimals() -> None:
    first, second = recorded(AZURE, speed=1)
    assert (first.prompt_tokens, second.output_tokens) == (374, 109)
    assert second.offset == pytest.approx(4.314579, abs=1e-6)


@pytest.mark.parametrize(("first", "offset"), [("3.5", 1.5), ("2", 3.0), (2, 3.0)])
def test_burstgpt_counts_in_seconds(first: object, offset: float) -> None:
    earlier = {"Timestamp": first, **_lengths(BURSTGPT)}
    assert recorded([earlier, *BURSTGPT], speed=1)[1].offset == offset


def _lengths(records: list[dict[str, str]]) -> dict[str, str]:
    return {name: value for name, value in records[0].items() if name != "Timestamp"}


def test_a_trace_may_be_played_faster() -> None:
    assert recorded(MOONCAKE, speed=2)[1].offset == 1.5


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"input_length": 1, "output_length": 1}, "timestamp"),
        ({"timestamp": 0, "output_length": 1}, "input_length"),
        ({"timestamp": "noon", "input_length": 1, "output_length": 1}, "noon"),
        ({"timestamp": 0, "input_length": "many", "output_length": 1}, "many"),
    ],
)
def test_a_record_that_is_not_understood_is_named(broken: dict[str, Any], reason: str) -> None:
    with pytest.raises(UsageError, match=f"record 3 .*{reason}"):
        recorded([*MOONCAKE, broken], speed=1)


def test_an_empty_trace_is_refused() -> None:
    with pytest.raises(UsageError, match="empty"):
        recorded([], speed=1)
