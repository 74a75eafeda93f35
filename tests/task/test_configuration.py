import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.task import DEFAULTS, Configuration, Frozen

values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
)
assignments = st.dictionaries(st.text(), values)


class Holder(Frozen):
    configuration: Configuration


@given(assignments)
def test_a_configuration_survives_json(assignment: dict) -> None:
    held = Holder(configuration=Configuration(assignment))
    assert Holder.model_validate_json(held.model_dump_json()) == held


@given(assignments)
def test_order_of_flags_does_not_matter(assignment: dict) -> None:
    backwards = Configuration(dict(reversed(assignment.items())))
    assert backwards == Configuration(assignment)
    assert hash(backwards) == hash(Configuration(assignment))


@pytest.mark.parametrize(("left", "right"), [(1, True), (0, False), (1, 1.0), (None, "null")])
def test_values_of_other_types_are_other_configurations(left: object, right: object) -> None:
    assert Configuration({"flag": left}) != Configuration({"flag": right})


def test_changes_are_laid_over() -> None:
    base = Configuration({"tp-size": 1, "page-size": 16})
    assert base | {"page-size": 64} == Configuration({"tp-size": 1, "page-size": 64})
    assert base["page-size"] == 16


def test_a_configuration_reads_as_people_write_it() -> None:
    spelled = Configuration({"tp-size": 2, "enable-mixed-chunk": True, "dtype": "auto", "x": None})
    assert str(spelled) == "tp-size=2, enable-mixed-chunk=true, dtype=auto, x=null"
    assert str(DEFAULTS) == "engine defaults"
