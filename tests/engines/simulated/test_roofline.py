"""Step times: what must hold whatever the constants are."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engines.simulated.arguments import parse_arguments, settle
from core.engines.simulated.machines import GPUS, MODELS
from core.engines.simulated.roofline import Decode, Roofline, graph_sizes


def roofline(model: str, gpu: str, *flags: str, **faster: float) -> Roofline:
    settings = settle(parse_arguments(["--model", model, "--gpu", gpu, *flags]))
    hardware = {name: getattr(settings.gpu, name) * factor for name, factor in faster.items()}
    return Roofline(replace(settings, gpu=replace(settings.gpu, **hardware)))


MACHINES = st.tuples(st.sampled_from(sorted(MODELS)), st.sampled_from(sorted(GPUS)))
BATCHES = st.tuples(st.integers(1, 300), st.integers(1, 4000))
CHUNKS = st.lists(st.tuples(st.integers(1, 4000), st.integers(0, 4000)), min_size=1, max_size=5)


@given(MACHINES, BATCHES, CHUNKS, st.sampled_from(["bandwidth", "bf16", "link"]))
def test_better_hardware_is_never_slower(
    machine: tuple[str, str],
    batch: tuple[int, int],
    chunks: list[tuple[int, int]],
    quality: str,
) -> None:
    size, context = batch[0], batch[0] * batch[1]
    plain = roofline(*machine, "--tp", "2")
    better = roofline(*machine, "--tp", "2", **{quality: 1.5})
    assert better.decode(size, context).first <= plain.decode(size, context).first
    assert better.prefill(chunks, size, context) <= plain.prefill(chunks, size, context)


@given(MACHINES, BATCHES)
def test_a_step_over_more_tokens_takes_longer(
    machine: tuple[str, str], batch: tuple[int, int]
) -> None:
    times = roofline(*machine, "--disable-cuda-graph")
    size, context = batch[0], batch[0] * batch[1]
    assert times.decode(size, context).first <= times.decode(size, context + 1000).first
    assert times.decode(size, context).first <= times.decode(size + 1, context + 1).first
    assert times.prefill([(size, 0)]) <= times.prefill([(size + 1, 0)])
    assert times.prefill([(size, 0)]) <= times.prefill([(size, 100)])


@given(MACHINES, CHUNKS, BATCHES)
def test_a_mixed_step_is_shorter_than_both_steps_apart(
    machine: tuple[str, str], chunks: list[tuple[int, int]], batch: tuple[int, int]
) -> None:
    times = roofline(*machine, "--disable-cuda-graph")
    size, context = batch[0], batch[0] * batch[1]
    mixed = times.prefill(chunks, size, context)
    apart = times.prefill(chunks) + times.decode(size, context).first
    assert times.prefill(chunks) <= mixed <= apart


@given(
    st.floats(1e-4, 1.0),
    st.one_of(st.just(0.0), st.floats(1e-9, 1e-3)),
    st.floats(0.0, 100.0),
)
def test_a_run_is_as_long_as_asked_for_and_no_step_longer(
    first: float, growth: float, seconds: float
) -> None:
    run = Decode(first, growth)
    steps = run.steps_until(seconds)
    assert steps >= 1
    assert run.total(steps) >= seconds * (1 - 1e-6)
    if steps > 1:
        assert run.total(steps - 1) <= seconds * (1 + 1e-6)


def decode(
    *flags: str, model: str = "llama-3.1-8b", gpu: str = "H100-80GB", size: int = 8
) -> float:
    return roofline(model, gpu, *flags).decode(size, size * 1000).first


def test_flags_move_a_decode_step_as_on_hardware() -> None:
    plain = decode()
    assert decode("--quantization", "fp8") < 0.75 * plain
    assert decode("--kv-cache-dtype", "fp8_e4m3", size=64) < 0.9 * decode(size=64)
    assert decode("--disable-cuda-graph") > 1.2 * plain
    assert decode("--cuda-graph-max-bs", "4") == decode("--disable-cuda-graph")
    assert decode("--enable-torch-compile") < plain
    assert decode("--page-size", "64", size=64) < decode(size=64)
    assert decode("--page-size", "256") > decode("--page-size", "64")


def test_two_gpus_are_faster_than_one_but_not_twice_as_fast() -> None:
    one, two, eight = (decode("--tp", shards) for shards in ("1", "2", "8"))
    assert one / 2 < two < one
    assert one / 8 < eight < two


def test_a_slow_link_spoils_tensor_parallelism() -> None:
    def gain(gpu: str) -> float:
        one, four = (
            roofline("llama-3.1-8b", gpu, "--tp", shards).prefill([(2000, 0)])
            for shards in ("1", "4")
        )
        return one / four

    assert gain("RTX-4090") < 1.8 < 3.0 < gain("A100-80GB")


def test_a_mixture_of_experts_reads_more_of_itself_for_more_tokens() -> None:
    model = MODELS["qwen3-30b-a3b"]
    touched = [model.touched_parameters(tokens) for tokens in (1, 8, 64, 512)]
    assert touched[0] == pytest.approx(model.active_parameters)
    assert touched == sorted(touched)
    assert touched[-1] == pytest.approx(model.parameters, rel=0.01)


def test_graphs_are_captured_up_to_the_largest_size() -> None:
    assert graph_sizes(0) == []
    assert graph_sizes(3) == [1, 2, 3]
    assert graph_sizes(24) == [1, 2, 4, 8, 16, 24]
    assert graph_sizes(200)[-3:] == [160, 192, 200]
