"""The page that a person once wrote by hand from ten experiments, written by the program."""

import pytest

from core.report import findings, wording
from tests.report.published import SLOW_STOP, published


def test_the_slo_failures_share_the_radix_cache() -> None:
    group = findings(published()).failures[0]
    assert (group.kind, group.metric, group.threshold) == ("slo", "e2e_latency_p90", 6.5)
    assert [(c.experiment, f"{c.excess:.3f}") for c in group.cases] == [
        (1, "0.338"), (2, "0.600"), (5, "0.455"),
    ]  # fmt: skip
    [trait] = group.traits
    assert [(c.flag, c.value) for c in trait.conditions] == [("disable-radix-cache", True)]
    assert trait.exclusive
    assert (trait.failures, trait.successes) == (3, 3)
    assert not trait.proved
    said = " ".join(wording.group_findings(group))
    assert "`disable-radix-cache` true: all 3 failures have it, none of the 3 successes" in said
    assert "suspicion" in said


def test_page_sizes_are_not_ranked_by_three_points() -> None:
    group = findings(published()).failures[0]
    assert group.unranked == ("page-size",)
    assert not any(c.flag == "page-size" for t in group.traits for c in t.conditions)
    assert any("too few cases" in said for said in wording.group_findings(group))


def test_a_slow_clean_up_is_a_success_with_a_warning() -> None:
    found = findings(published())
    assert all(case.experiment != 8 for group in found.failures for case in group.cases)
    assert [(c.experiment, c.text) for c in found.cautions] == [(8, SLOW_STOP)]


def test_the_warm_up_ran_out_of_time_and_has_a_remedy() -> None:
    group = findings(published()).failures[1]
    assert (group.kind, [c.experiment for c in group.cases]) == ("warmup_timeout", [9])
    assert "CUDA graphs" in group.cases[0].evidence
    assert "timeouts.warmup" in wording.advice(group)


def test_six_is_the_best_and_not_four() -> None:
    found = findings(published())
    assert found.recommended is not None
    assert found.recommended.experiment == 6
    assert found.recommended.value == pytest.approx(5188.3930)
    assert found.headline.startswith("Experiment 6 is the best: 5,188")
    assert found.gain is None
