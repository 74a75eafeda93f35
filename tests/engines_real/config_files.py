"""Configurations as command lines and as config files, for the engines' own parsers to compare."""

import shlex
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings

from core.task import Configuration
from tests.report.test_handover_readers import as_config_file, configurations


def pairs(engine: str, folder: Path) -> list[tuple[list[str], list[str]]]:
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
