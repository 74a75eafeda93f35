"""What a log speaks of, and what counts as life."""

import pytest

from core.deploy.progress import SignsOfLife, stage_of
from core.deploy.server import VitalSigns


@pytest.mark.parametrize(
    ("line", "name", "silent"),
    [
        ("Loading safetensors checkpoint shards:  25% Completed | 1/4", "loading weights, 25 %", 0),
        ("INFO 11-20 Starting to load model Qwen/Qwen3-8B...", "loading weights", 0),
        ("Load weight begin. avail mem=78.58 GB", "loading weights", 0),
        ("load_tensors: loading model tensors, this can take a while...", "loading weights", 0),
        ("Dynamo bytecode transform time: 6.21 s", "compiling kernels", 1),
        ("Compiling a graph for dynamic shape takes 21.31 s", "compiling kernels", 1),
        ("Capturing CUDA graph shapes:  40%|####", "capturing CUDA graphs, 40 %", 1),
        ("Capture cuda graph begin. This can take up to several minutes.",
         "capturing CUDA graphs", 1),
        ("GPU KV cache size: 131,072 tokens", "allocating the KV cache", 0),
        ("common_init_from_params: warming up the model with an empty run", "warming up", 0),
        ("Fetching 12 files:  50%|#####     |", "downloading the model, 50 %", 0),
    ],
)  # fmt: skip
def test_engines_say_what_they_do(line: str, name: str, silent: int) -> None:
    stage = stage_of(["INFO something before", line, "INFO nothing telling after"])
    assert stage is not None
    assert (stage.name, stage.silent) == (name, bool(silent))


def test_the_last_telling_line_counts() -> None:
    stage = stage_of(["Capturing CUDA graph shapes: 100%", "warming up the server"])
    assert stage is not None
    assert stage.name == "warming up"
    assert stage_of(["Uvicorn running", ""]) is None


def signs(
    log: int = 0, cpu: float = 0.0, resident: int = 0, read: int = 0, gpu: int = 0
) -> VitalSigns:
    return VitalSigns(
        log=(log, log),
        cpu_seconds=cpu,
        resident_bytes=resident,
        read_bytes=read,
        gpu_bytes=gpu,
    )


@pytest.mark.parametrize(
    ("now", "moved"),
    [
        (signs(), False),
        (signs(log=1), True),
        (signs(cpu=0.02), False),
        (signs(cpu=0.5), True),
        (signs(resident=4096), False),
        (signs(resident=64 << 20), True),
        (signs(read=4096), False),
        (signs(read=8 << 20), True),
        (signs(gpu=64 << 20), True),
    ],
    ids=[
        "nothing",
        "log",
        "idle",
        "work",
        "drift",
        "loading",
        "a few reads",
        "a slow disk",
        "a GPU",
    ],
)
def test_what_counts_as_a_sign_of_life(now: VitalSigns, moved: bool) -> None:
    life = SignsOfLife(10.0, signs())
    life.see(11.0, now)
    assert life.silence == (0.0 if moved else 1.0)


def test_silence_is_counted_from_the_last_movement() -> None:
    life = SignsOfLife(0.0, signs())
    life.see(5.0, signs(log=1))
    life.see(9.0, signs(log=1))
    assert life.silence == 4.0
    life.see(12.0, signs(log=1), silent_work=True)
    assert life.silence == 0.0
