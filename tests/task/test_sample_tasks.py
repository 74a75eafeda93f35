"""The task files that come along: each is read without a word of doubt, and planned."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.engines.resolving import engine_of
from core.report.preflight import prepare
from core.task import read_task

FILES = sorted((Path(__file__).parents[2] / "sample_tasks").glob("*.yaml"))


def test_there_are_some() -> None:
    assert len(FILES) >= 2


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_sample_is_understood(path: Path, tmp_path: Path) -> None:
    reading = read_task(path)
    assert not [n for n in reading.notices if "not known" in n]
    if not engine_of(reading).simulated:
        # Whichever model it names is not on this machine.
        model = reading.task.model.model_copy(update={"id_or_path": str(tmp_path)})
        reading = replace(reading, task=reading.task.model_copy(update={"model": model}))
    found = prepare(reading, engine_of(reading))
    assert found.survey.distinct is None or found.survey.distinct > 1
