"""A run whose guardians are killed, one in each phase of an experiment: it goes on and finishes."""

import json
import random
from pathlib import Path

from tests.chaos.faults import strike_guardian, strike_launching_guardian
from tests.chaos.struck import NASTY_TASK, PATIENCE, Struck

STRIKES = (
    strike_launching_guardian,
    strike_guardian("stopping"),  # of the launch that makes good for the one before
    strike_guardian("starting"),
    strike_guardian("stopping"),
    strike_guardian("measuring"),
)


async def test_a_run_outlives_its_guardians(tmp_path: Path) -> None:
    struck = Struck(tmp_path, NASTY_TASK, random.Random(0))
    try:
        await struck.start()
        for strike in STRIKES:
            assert await strike(struck)
        assert await struck.ended(within=PATIENCE)
        assert struck.runner is not None
        assert struck.runner.returncode == 0
        await struck.check_nothing_is_left("the end")
        struck.check_records()
    finally:
        struck.close()
    judged = struck.query("SELECT body FROM event WHERE type = 'experiment_judged'")
    outcomes = [json.loads(body) for (body,) in judged]
    failures = [outcome["failure"] for outcome in outcomes if outcome["outcome"] == "failed"]
    assert len(failures) == 3, "what is killed while it stops has its result"
    assert all("guardian" in failure["message"] for failure in failures)
    assert len(outcomes) == 5 + len(failures), "each is made good for"
