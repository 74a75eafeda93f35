"""Every sample task is read without a complaint, and names flags that its engine has."""

from pathlib import Path

import pytest

from core.engines.dimensions import is_dimension
from core.engines.registry import ENGINES
from core.search.of_task import space_of
from core.task import finite_values, read_task

SAMPLES = sorted((Path(__file__).parents[2] / "sample_tasks").glob("*.yaml"))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_task_can_be_run(path: Path) -> None:
    reading = read_task(path)
    assert not reading.notices
    task = reading.task
    engine = ENGINES[task.base_runtime]
    if engine.catalogue is not None:
        fixed = {name: [value] for name, value in task.engine.arguments.items()}
        tuned = {name: finite_values(space) for name, space in task.parameters.items()}
        for name, values in {**fixed, **tuned}.items():
            for value in () if is_dimension(name) else values:
                assert engine.catalogue.refuse(name, value) is None, (name, value)
    space = space_of(task, engine)
    allowed = [point for point in space.grid() if space.allowed(point) is None]
    assert len(allowed) > 1
    assert len({space.key(point) for point in allowed}) == len(allowed)
