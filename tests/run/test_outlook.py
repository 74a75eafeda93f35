"""How long a run will still take."""

from core.run.outlook import outlook
from core.run.view import View
from tests.run.histories import Play, agenda_for, pure_task


def test_what_comes_after_the_next_experiment_is_told_beside_all_that_is_left() -> None:
    play = Play(pure_task({"a": list(range(8))}, confirmation=False), lambda _: 2.0, seconds=30.0)
    play.run(most=3)
    ahead = outlook(agenda_for(play.task), View.of(play.state, play.now))
    assert ahead.eta is not None
    assert ahead.eta > 60.0
    assert ahead.beyond == ahead.eta - 30.0
