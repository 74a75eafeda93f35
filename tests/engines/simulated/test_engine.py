"""The simulated engine behind the interface that all engines share."""

import sys

import pytest

from core.engines.registry import ENGINES
from core.engines.simulated.arguments import parse_arguments
from core.engines.simulated.engine import Simulated
from core.engines.simulated.machines import MODELS
from core.errors import TaskError
from core.task import DEFAULTS, Configuration, FlagValue, Task


def task(model: str = "llama-3.1-8b", **arguments: FlagValue) -> Task:
    return Task.model_validate(
        {
            "task_name": "t",
            "model": {"id_or_path": model},
            "base_runtime": "simulated",
            "engine": {"arguments": arguments, "environment": {"A": "b"}},
        }
    )


def test_it_is_known_by_its_name_and_says_what_it_is() -> None:
    assert isinstance(ENGINES["simulated"], Simulated)
    assert ENGINES["simulated"].simulated


def test_a_command_that_the_server_understands() -> None:
    asked = task(gpu="L40S", speed=10, tp_size=4)
    configuration = Configuration(
        {"tp-size": 2, "kv-cache-dtype": "fp8_e4m3", "enable-mixed-chunk": True, "page-size": None}
    )
    command = Simulated().command(asked, configuration, port=8123)
    assert list(command.argv) == [
        sys.executable, "-P", "-m", "core.engines.simulated",
        "--model-path", "llama-3.1-8b", "--host", "127.0.0.1", "--port", "8123",
        "--enable-mixed-chunk", "--gpu", "L40S", "--kv-cache-dtype", "fp8_e4m3",
        "--speed", "10", "--tp-size", "2",
    ]  # fmt: skip
    assert command.environment == {"A": "b"}
    arguments = parse_arguments(command.argv[4:])
    assert (arguments.tp_size, arguments.speed, arguments.port) == (2, 10.0, 8123)


def test_an_unknown_model_is_told_with_the_known_ones() -> None:
    with pytest.raises(TaskError) as error:
        Simulated().command(task("llama-3.1-9b"), DEFAULTS, port=1)
    (problem,) = error.value.problems
    assert problem.startswith("model.id_or_path: 'llama-3.1-9b' is no model")
    assert all(name in problem for name in MODELS)
    assert problem.endswith("did you mean llama-3.1-8b?")


def test_an_unknown_gpu_is_told_with_the_known_ones() -> None:
    refusal = Simulated().catalogue.refuse("gpu", "GTX-1080")
    assert refusal is not None
    assert "H100-80GB, H20-96GB, A100-80GB" in refusal


def test_a_port_is_no_flag_of_a_task() -> None:
    assert Simulated().catalogue.find("port") is None


@pytest.mark.parametrize(
    ("arguments", "configuration", "gpus"),
    [
        ({}, {}, 1),
        ({"tp": 4}, {}, 4),
        ({"tp_size": 4}, {"tensor-parallel-size": 2, "dp-size": 3}, 6),
        ({}, {"tp-size": None}, 1),
        ({}, {"tp-size": "2"}, 2),
        ({}, {"tp-size": "many"}, 1),
    ],
)
def test_a_server_takes_tensor_times_data_parallel_gpus(
    arguments: dict[str, FlagValue], configuration: dict[str, FlagValue], gpus: int
) -> None:
    asked = task(**arguments)
    assert Simulated().gpus_needed(asked, Configuration(configuration)) == gpus
