"""Configurations as command lines and as config files, compared by the engines' own parsers."""

import json
import shlex
import subprocess
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings

from core.task import Configuration
from tests.report.test_handover_readers import as_config_file, configurations


def check_read_alike(engine: str, program: str, python: Path, folder: Path) -> None:
    """Have an engine's Python hold its own readings of both against each other.

    Args:
        engine: whose configurations.
        program: reads pairs of arguments from its input and ends with how many it took: some
            values are of a kind that only the engine can judge.
        python: the interpreter that has the engine.
        folder: where the files go.
    """
    said = subprocess.run(
        [python, "-c", program],
        input=json.dumps(_pairs(engine, folder)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert int(said.stdout.rpartition("the same: ")[2] or 0) > 10, said.stderr[-2000:]


def _pairs(engine: str, folder: Path) -> list[tuple[list[str], list[str]]]:
    """Return arguments, and the arguments that name a file of the same."""
    made: list[tuple[list[str], list[str]]] = []

    @settings(
        max_examples=60,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(configurations(engine))
    def write(configuration: Configuration) -> None:
        argv, text = as_config_file(engine, configuration)
        path = folder / f"{len(made)}.config.yaml"
        path.write_text(text)
        by_file = shlex.split(text.partition("\n")[0].removeprefix("# "))
        by_file[by_file.index("--config") + 1] = str(path)
        made.append((argv, by_file))

    write()
    return made
