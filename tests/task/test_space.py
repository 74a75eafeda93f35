import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from core.task import Choices, ParameterSpace, Range, finite_values

space = TypeAdapter(ParameterSpace).validate_python


@pytest.mark.parametrize(
    ("written", "values"),
    [
        (2, (2,)),
        ("fp8", ("fp8",)),
        (None, (None,)),
        ([1, 16, 64], (1, 16, 64)),
        ([1, 1, 16], (1, 16)),
        ([1, True, 1.0], (1, True, 1.0)),
        ([], ()),
        ({"type": "choice", "values": ["a", "b"]}, ("a", "b")),
        ({"type": "categorical", "choices": [True, None]}, (True, None)),
        ({"values": [1]}, (1,)),
    ],
)
def test_every_way_to_write_choices(written: object, values: tuple) -> None:
    read = space(written)
    assert isinstance(read, Choices)
    assert [(type(v), v) for v in read.values] == [(type(v), v) for v in values]


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ({"type": "integer", "low": 5, "high": 2}, "low 5 is above high 2"),
        ({"type": "continuous", "low": 0, "high": 1, "log": True}, "low above 0"),
        ({"type": "integer", "low": 1.5, "high": 2}, "low of an integer range must be whole"),
        ({"type": "integer", "low": 1, "high": 9, "step": 0}, "greater than 0"),
        ({"type": "continuous", "low": 0, "high": float("inf")}, "finite"),
        ({"low": 1, "high": 2}, "needs `values`"),
        ({"type": "choice", "values": [1], "lo": 2}, "Extra inputs"),
    ],
)
def test_what_is_no_space_is_refused(written: object, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        space(written)


@st.composite
def ranges(draw: st.DrawFn) -> Range:
    kind = draw(st.sampled_from(["integer", "continuous"]))
    log = draw(st.booleans())
    if kind == "integer":
        low = draw(st.integers(1 if log else -1000, 1000))
        high = draw(st.integers(low, low + 5000))
        step = draw(st.none() | st.integers(1, 100))
    else:
        low = draw(st.floats(0.001 if log else -1e3, 1e3))
        high = low + draw(st.floats(0, 1e3))
        step = draw(st.none() | st.floats(0.01, 10))
    return Range(type=kind, low=low, high=high, step=step, log=log)


@given(ranges(), st.integers(2, 20))
def test_a_spread_is_distinct_ascending_and_inside(values: Range, count: int) -> None:
    spread = values.spread(count)
    assert 1 <= len(spread) <= count
    assert list(spread) == sorted(set(spread))
    assert values.low - 1e-6 <= spread[0]
    assert spread[-1] <= values.high + 1e-6
    if values.type == "integer":
        assert all(isinstance(v, int) for v in spread)


@given(ranges(), st.floats(-1e4, 1e4))
def test_snapping_twice_is_snapping_once(values: Range, raw: float) -> None:
    snapped = values.snap(raw)
    assert values.snap(snapped) == pytest.approx(snapped, rel=1e-8, abs=1e-8)


@given(ranges())
def test_cardinality_is_the_number_of_values(values: Range) -> None:
    assume(values.cardinality is not None and values.cardinality <= 300)
    step = values.step or 1
    members = {values.snap(values.low + i * step) for i in range(values.cardinality or 0)}
    assert len(members) == values.cardinality


def test_numbers_are_ordered_and_words_are_not() -> None:
    assert Choices(values=(1, 16, 64)).ordered
    assert not Choices(values=("lpm", "fcfs")).ordered
    assert not Choices(values=(True, False)).ordered


def test_steps_read_cleanly_on_a_command_line() -> None:
    memory = Range(type="continuous", low=0.7, high=0.95, step=0.05)
    assert finite_values(memory, spread=6) == (0.7, 0.75, 0.8, 0.85, 0.9, 0.95)


def test_long_ranges_are_thinned_out() -> None:
    assert finite_values(Range(type="integer", low=1, high=256, log=True)) == (1, 4, 16, 64, 256)
    assert finite_values(Range(type="integer", low=1, high=3)) == (1, 2, 3)
