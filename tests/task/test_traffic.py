from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from core.task import Level, Scenario

lengths = st.integers(1, 2_000_000)


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    shape = draw(st.sampled_from(["D", "N", "U", "dataset"]))
    a, b, c, d = (draw(lengths) for _ in range(4))
    match shape:
        case "D":
            return Scenario(shape="D", prompt=(a, a), output=(c, c))
        case "N":
            return Scenario(shape="N", prompt=(a, b), output=(c, d))
        case "dataset":
            return Scenario.model_validate("dataset")
    return Scenario(shape="U", prompt=(min(a, b), max(a, b)), output=(min(c, d), max(c, d)))


@given(scenarios())
def test_a_scenario_is_read_back_from_its_text(scenario: Scenario) -> None:
    assert Scenario.model_validate(str(scenario)) == scenario
    assert Scenario.model_validate_json(scenario.model_dump_json()) == scenario


@pytest.mark.parametrize(
    ("text", "prompt", "output"),
    [
        ("D(100,50)", (100, 100), (50, 50)),
        ("d( 100 , 50 )", (100, 100), (50, 50)),
        ("N(480,240)/(300,150)", (480, 240), (300, 150)),
        ("U(50,100)/(200,250)", (50, 100), (200, 250)),
        ("U(100,200)", (1, 100), (1, 200)),
        (" Dataset", (100, 100), (100, 100)),
    ],
)
def test_the_grammar(text: str, prompt: tuple, output: tuple) -> None:
    scenario = Scenario.model_validate(text)
    assert (scenario.prompt, scenario.output) == (prompt, output)


@pytest.mark.parametrize(
    "text",
    ["", "D", "D(100)", "D(100,50)/(1,2)", "N(1,2)", "U(9,1)/(1,2)", "D(0,5)", "X(1,2)", "D(-1,2)",
     "D(1,2", "N(0,1)/(5,1)", "D(1,2)D(1,2)"],
)  # fmt: skip
def test_what_is_no_scenario_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        Scenario.model_validate(text)


@given(st.text())
def test_no_text_crashes_the_parser(text: str) -> None:
    with suppress(ValidationError):
        Scenario.model_validate(text)


def test_a_level_is_either_closed_or_open_loop() -> None:
    scenario = Scenario.model_validate("D(8,8)")
    assert str(Level(scenario=scenario, concurrency=4)) == "D(8,8) × 4"
    assert str(Level(scenario=scenario, request_rate=2.5)) == "D(8,8) @ 2.5/s"
    with pytest.raises(ValidationError, match="either"):
        Level(scenario=scenario)
    with pytest.raises(ValidationError, match="either"):
        Level(scenario=scenario, concurrency=1, request_rate=1)
