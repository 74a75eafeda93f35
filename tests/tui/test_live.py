"""What the app makes of the last events of a run."""

from core.events import SearchAdvanced
from tui.live import seconds_left

SEARCH = SearchAdvanced(at=1000.0, best=None, remaining=3, eta=60.0, eta_beyond=40.0)


def test_what_is_left_runs_down_while_the_run_goes_on() -> None:
    assert seconds_left(SEARCH, began_at=900.0, now=1010.0) == 50.0


def test_the_time_in_which_nobody_ran_a_task_is_not_taken_from_what_is_left() -> None:
    assert seconds_left(SEARCH, began_at=5000.0, now=5002.0) == 58.0


def test_an_experiment_that_takes_longer_leaves_what_comes_after_it() -> None:
    assert seconds_left(SEARCH, began_at=900.0, now=1300.0) == 40.0


def test_nothing_is_foretold_of_a_last_experiment_that_takes_longer() -> None:
    last = SEARCH.model_copy(update={"eta_beyond": 0.0})
    assert seconds_left(last, began_at=900.0, now=1059.0) == 1.0
    assert seconds_left(last, began_at=900.0, now=1061.0) is None
