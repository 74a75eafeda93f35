"""Which characters reach a terminal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.events import SloVerdict
from core.report.characters import ascii_only, one_line, outcome_symbol, slo_symbol
from tests.builders import experiment


@given(st.text())
def test_foreign_text_commands_no_terminal(text: str) -> None:
    said = one_line(text)
    assert said.isprintable()
    assert "\x1b" not in said


@given(st.text())
def test_ascii_is_ascii(text: str) -> None:
    assert ascii_only(text).isascii()


def test_what_was_readable_stays_readable() -> None:
    log = "\x1b[1;31mERROR\x1b[0m \x1b]8;;http://x\x07link\x1b]8;;\x07 at\r\n\tline 3\x00 ✓ 日本"
    assert one_line(log) == "ERROR link at line 3 ✓ 日本"
    assert ascii_only("✓ 850 µs × 4 – Größe, 日") == "+ 850 us x 4 - Große, ?".replace("ß", "?")


@pytest.mark.parametrize(
    ("actual", "violation", "hard", "broken", "symbol"),
    [
        (1.0, 0.0, True, False, "✓"),
        (1.0, 0.0, False, False, "✓"),
        (9.0, 0.4, False, False, "!"),
        (9.0, 0.1, True, False, "!"),  # within its fail ratio
        (9.0, 0.4, True, True, "✗"),
        (None, 0.0, True, True, "✗"),
        (None, 0.0, False, False, "!"),
    ],
)
def test_an_slo_has_a_symbol_beside_its_colour(
    actual: float | None, violation: float, hard: bool, broken: bool, symbol: str
) -> None:
    slo = SloVerdict(
        metric="ttft_mean",
        threshold=6.5,
        actual=actual,
        sub_round=0,
        violation=violation,
        penalty=0.0,
        hard=hard,
        broken=broken,
    )
    assert slo_symbol(slo) == symbol


def test_an_experiment_under_way_has_no_verdict_symbol() -> None:
    assert outcome_symbol(experiment(outcome=None)) == " "
