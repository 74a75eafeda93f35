"""The engine as a plain function: the published case, and what must hold for every run."""

from statistics import quantiles

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engines.signs import diagnose
from core.engines.simulated.engine import Simulated
from core.engines.simulated.machines import GPUS
from core.engines.simulated.simulation import LevelResult, Simulation, simulate
from core.engines.simulated.workload import Workload
from core.events import FailureKind
from core.task import FlagValue, Level, Scenario


def level(scenario: str, concurrency: int | None = None, rate: float | None = None) -> Level:
    return Level(
        scenario=Scenario.model_validate(scenario), concurrency=concurrency, request_rate=rate
    )


def p90(values: tuple[float, ...]) -> float:
    return quantiles(values, n=10, method="inclusive")[-1]


def measured(simulation: Simulation) -> LevelResult:
    assert simulation.exit_code is None, simulation.log
    return simulation.levels[-1]


def tiny(workload: Workload, seed: int = 0, **flags: FlagValue) -> Simulation:
    named = {name.replace("_", "-"): value for name, value in flags.items()}
    return simulate(named, [workload], model="tiny", gpu="L4", seed=seed)


class TestPublishedCase:
    """A 12B model in fp8 on a 24 GB card; prompts of about 800 tokens begin with one of four texts
    of 450; the P90 of the E2E latency may be 6.5 s at the most."""

    TRAFFIC = Workload(
        level("N(800,150)/(120,30)", concurrency=36),
        requests=160,
        warmup=36,
        shared_prefix=450,
        prefix_groups=4,
    )
    SLO = 6.5

    def run(self, seed: int, **flags: FlagValue) -> LevelResult:
        named = {name.replace("_", "-"): value for name, value in flags.items()}
        everything = {"quantization": "fp8", **named}
        return measured(
            simulate(
                everything, [self.TRAFFIC], model="mistral-nemo-12b", gpu="RTX-4090", seed=seed
            )
        )

    @pytest.mark.parametrize("seed", [0, 1, 2])
    def test_without_the_radix_cache_the_slo_breaks(self, seed: int) -> None:
        on = p90(self.run(seed, page_size=64).e2e_latency)
        assert on <= self.SLO
        for page_size in (64, 128, 256):
            off = self.run(seed, page_size=page_size, disable_radix_cache=True)
            assert p90(off.e2e_latency) > self.SLO
        off = self.run(seed, page_size=64, disable_radix_cache=True)
        assert 1.3 <= p90(off.e2e_latency) / on <= 1.5

    @pytest.mark.parametrize("seed", [0, 1, 2])
    def test_pages_of_64_tokens_beat_larger_ones(self, seed: int) -> None:
        runs = [self.run(seed, page_size=page_size) for page_size in (64, 128, 256)]
        latencies = [p90(run.e2e_latency) for run in runs]
        throughputs = [run.total_throughput for run in runs]
        assert latencies == sorted(latencies)
        assert throughputs == sorted(throughputs, reverse=True)

    @pytest.mark.parametrize("seed", [0, 1, 2])
    def test_an_fp8_cache_saves_memory_and_raises_throughput(self, seed: int) -> None:
        auto = self.run(seed, page_size=64)
        halved = self.run(seed, page_size=64, kv_cache_dtype="fp8_e5m2")
        assert halved.total_throughput > 1.05 * auto.total_throughput
        assert halved.peak_kv_tokens == pytest.approx(auto.peak_kv_tokens, rel=0.1)


FLAGS = st.fixed_dictionaries(
    {
        "page_size": st.sampled_from([1, 16, 128]),
        "chunked_prefill_size": st.sampled_from([256, 2048]),
        "max_total_tokens": st.sampled_from([4096, 100_000]),
    },
    optional={
        "dp_size": st.just(2),
        "enable_mixed_chunk": st.just(True),
        "disable_radix_cache": st.just(True),
        "max_queued_requests": st.just(3),
        "max_running_requests": st.sampled_from([2, 8]),
    },
)
LEVELS = st.one_of(
    st.builds(
        level,
        st.sampled_from(["D(300,40)", "U(1,900)/(1,200)", "N(200,150)/(60,60)"]),
        concurrency=st.sampled_from([1, 7, 30]),
    ),
    st.builds(level, st.just("N(300,200)/(60,40)"), rate=st.sampled_from([2.0, 50.0])),
)


@given(FLAGS, LEVELS, st.integers(0, 3), st.sampled_from([0, 100]))
def test_no_token_is_lost_and_no_page_is_overdrawn(
    flags: dict[str, FlagValue], load: Level, seed: int, shared: int
) -> None:
    workload = Workload(load, requests=30, shared_prefix=shared, prefix_groups=2)
    result = measured(tiny(workload, seed, **flags))
    done = len(result.e2e_latency)
    assert done + result.refused == 30
    assert result.refused == 0 or "max_queued_requests" in flags
    assert sum(count for _, count in result.itl) == result.output_tokens - done
    assert all(gap > 0 for gap, _ in result.itl)
    assert all(0 < t <= e for t, e in zip(result.ttft, result.e2e_latency, strict=True))
    assert 0 < result.peak_kv_tokens <= flags["max_total_tokens"]  # type: ignore[operator]
    assert max(result.e2e_latency) <= result.duration


def test_the_same_seed_gives_the_same_figures_and_another_seed_others() -> None:
    workload = Workload(level("N(300,100)/(50,20)", concurrency=8), requests=40)
    assert tiny(workload, 1) == tiny(workload, 1)
    assert tiny(workload, 1) != tiny(workload, 2)


def test_noise_differs_between_flags_but_the_load_does_not() -> None:
    workload = Workload(level("N(300,100)/(50,20)", concurrency=8), requests=40)
    one, other = (measured(tiny(workload, 1, cuda_graph_max_bs=size)) for size in (16, 24))
    assert one.prompt_tokens == other.prompt_tokens
    assert one.e2e_latency != other.e2e_latency


def test_a_closed_loop_keeps_its_concurrency() -> None:
    workload = Workload(level("D(100,30)", concurrency=5), requests=60)
    result = measured(tiny(workload, noise=0))
    in_flight = sum(result.e2e_latency) / result.duration
    assert in_flight == pytest.approx(5, rel=0.1)


def test_an_open_loop_keeps_its_rate() -> None:
    workload = Workload(level("D(50,5)", rate=20.0), requests=600)
    result = measured(tiny(workload))
    assert len(result.e2e_latency) / result.duration == pytest.approx(20, rel=0.15)


def test_warm_up_is_not_counted() -> None:
    load = level("D(200,20)", concurrency=4)
    plain = measured(tiny(Workload(load, requests=20)))
    warmed = measured(tiny(Workload(load, requests=20, warmup=40)))
    assert warmed.output_tokens == plain.output_tokens
    assert len(warmed.ttft) == 20
    assert max(warmed.ttft) < max(plain.ttft)


def test_the_radix_cache_stays_warm_from_level_to_level() -> None:
    workload = Workload(level("D(300,5)", concurrency=1), requests=3, shared_prefix=300)
    result = simulate({}, [workload, workload], model="tiny", gpu="L4")
    assert [one.cached_tokens for one in result.levels] == [2 * 299, 3 * 299]


def test_more_bandwidth_serves_faster() -> None:
    workload = Workload(level("N(500,200)/(100,30)", concurrency=16), requests=60)
    by_bandwidth = sorted(
        (name for name in GPUS if GPUS[name].memory > 2e10), key=lambda name: GPUS[name].bandwidth
    )
    tpots = []
    for gpu in (by_bandwidth[0], by_bandwidth[len(by_bandwidth) // 2], by_bandwidth[-1]):
        result = measured(simulate({"noise": 0}, [workload], model="llama-3.1-8b", gpu=gpu))
        tpots.append(sum(result.tpot))
    assert tpots == sorted(tpots, reverse=True)


def test_larger_chunks_delay_running_answers_and_smaller_ones_the_first_token() -> None:
    workload = Workload(level("D(6000,60)", rate=0.8), requests=40)
    small, large = (
        measured(
            simulate(
                {"chunked-prefill-size": chunk, "enable-mixed-chunk": True, "noise": 0},
                [workload],
                model="llama-3.1-8b",
                gpu="A100-80GB",
            )
        )
        for chunk in (512, 8192)
    )
    assert max(gap for gap, _ in small.itl) < max(gap for gap, _ in large.itl)
    assert sum(small.ttft) > sum(large.ttft)


def test_a_full_queue_turns_requests_away() -> None:
    workload = Workload(level("D(200,100)", concurrency=20), requests=60)
    result = measured(tiny(workload, max_running_requests=2, max_queued_requests=4))
    assert result.refused > 0
    assert len(result.e2e_latency) == 60 - result.refused


def test_a_request_longer_than_the_cache_is_turned_away() -> None:
    workload = Workload(level("D(900,200)", concurrency=1), requests=5)
    assert measured(tiny(workload, max_total_tokens=1000)).refused == 5


@pytest.mark.parametrize(
    ("flags", "exit_code", "kind"),
    [
        ({"bogus": 1}, 2, FailureKind.BAD_FLAGS),
        ({"page-size": 3}, 1, FailureKind.BAD_FLAGS),
        ({"mem-fraction-static": 0.35}, 1, FailureKind.OUT_OF_MEMORY),
        (
            {"mem-fraction-static": 0.94, "chunked-prefill-size": 16384},
            -9,
            FailureKind.OUT_OF_MEMORY,
        ),
    ],
)
def test_a_server_that_dies_says_why(
    flags: dict[str, FlagValue], exit_code: int, kind: FailureKind
) -> None:
    short = Workload(level("D(100,10)", concurrency=1), requests=4)
    long = Workload(level("D(16000,10)", concurrency=4), requests=8)
    result = simulate(flags, [short, long], model="llama-3.1-8b", gpu="A100-40GB")
    assert result.exit_code == exit_code
    assert len(result.levels) == (1 if exit_code == -9 else 0)
    assert diagnose(result.log, Simulated.signs, exit_code, FailureKind.CRASHED).kind is kind
