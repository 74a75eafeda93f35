import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from core.task.durations import Minutes, Seconds

seconds, minutes = TypeAdapter(Seconds), TypeAdapter(Minutes)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (90, 90),
        ("90s", 90),
        ("2m", 120),
        ("2 min", 120),
        ("1.5h", 5400),
        ("500ms", 0.5),
        ("1d", 86400),
    ],
)
def test_a_bare_number_is_seconds(written: object, expected: float) -> None:
    assert seconds.validate_python(written) == expected


def test_a_bare_number_is_minutes_where_older_files_mean_minutes() -> None:
    assert minutes.validate_python(10) == 600
    assert minutes.validate_python("90s") == 90


@pytest.mark.parametrize("written", [0, -1, True, "soon", "10 apples", "", "1e3s", None, [1]])
def test_what_is_no_length_of_time_is_refused(written: object) -> None:
    with pytest.raises(ValidationError):
        seconds.validate_python(written)


@given(st.floats(min_value=0.001, max_value=1e7))
def test_minutes_survive_being_written_and_read_again(length: float) -> None:
    once = minutes.validate_python(f"{length:.12f}s")
    assert minutes.validate_json(minutes.dump_json(once)) == pytest.approx(once, rel=1e-9)
