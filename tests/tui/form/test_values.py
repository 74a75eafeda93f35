"""Values as one types them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.task import Choices, FlagValue, Range
from tui.form.values import check_values, parse_value, parse_values, write_values

values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**9), 10**9),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.text(st.characters(codec="ascii", exclude_categories=("Cc",)), min_size=1).filter(
        lambda text: text == text.strip() and '"' not in text and "\\" not in text
    ),
)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("1, 16, 64", [1, 16, 64]),
        ("auto,fp8_e5m2", ["auto", "fp8_e5m2"]),
        ("null, true, False", [None, True, False]),
        ("0.8, 0.9", [0.8, 0.9]),
        ('"1", x', ["1", "x"]),
        ("D(100,50), D(8,8)", ["D(100,50)", "D(8,8)"]),
        ('{"a": [1, 2]}', ['{"a": [1, 2]}']),
        ("8..256", {"type": "integer", "low": 8, "high": 256}),
        ("8..512 log", {"type": "integer", "low": 8, "high": 512, "log": True}),
        ("0.7..0.95 step 0.05", {"type": "continuous", "low": 0.7, "high": 0.95, "step": 0.05}),
    ],
)
def test_what_a_text_means(text: str, meant: object) -> None:
    assert parse_values(text) == meant


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "at least one"),
        ("1,,2", "comma"),
        ("9..3", "upwards"),
        ("0..8 log", "above 0"),
        ("3..b", "a range is written"),
    ],
)
def test_what_means_nothing_is_told(text: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        parse_values(text)


@given(st.lists(values, min_size=1, max_size=5))
def test_values_are_read_as_they_were_written(chosen: list[FlagValue]) -> None:
    space = Choices(values=tuple(chosen))
    assert parse_values(write_values(space)) == list(space.values)


@pytest.mark.parametrize("text", ["8..256", "8..512 log", "0.7..0.95 step 0.05"])
def test_ranges_are_written_as_they_were_read(text: str) -> None:
    read = parse_values(text)
    assert isinstance(read, dict)
    assert write_values(Range.model_validate(read)) == text


@given(st.text())
def test_no_text_is_too_odd(text: str) -> None:
    assert isinstance(check_values(lambda _: None)(text), str)
    parse_value(text)


def test_the_first_refused_value_is_told() -> None:
    check = check_values(lambda value: f"not {value}" if value == 3 else None)
    assert check("1, 2") == ""
    assert check("1, 3") == "not 3"
    assert check("1..3") == "not 3"
