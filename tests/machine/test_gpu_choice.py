"""Which GPUs are taken, and why not the others."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from core.machine.gpu_choice import BALANCE, Candidate, candidates, choose, strangers
from core.machine.gpus import Gpu, GpuMemory, GpuProcess, Link, PciePath
from core.machine.simulated_gpus import SimulatedGpus

GIB = 2**30


def candidate(
    index: int,
    *,
    free: float | None = 80,
    total: float = 80,
    name: str = "H100",
    board: str | None = None,
    processes: tuple[GpuProcess, ...] = (),
) -> Candidate:
    uuid = f"GPU-{index}"
    memory = None
    if free is not None:
        memory = GpuMemory(int(total * GIB), int((total - free) * GIB), int(free * GIB))
    gpu = Gpu(index, uuid, name, int(total * GIB), board or uuid)
    return Candidate(gpu, memory, processes)


def no_link(one: str, other: str) -> Link:
    return Link()


def test_held_busy_and_full_gpus_are_passed_over_with_the_reason() -> None:
    stranger = GpuProcess(pid=4711, used_bytes=GIB, description=None)
    choice = choose(
        [
            candidate(0),
            candidate(1, processes=(stranger,)),
            candidate(2, free=20),
            candidate(3),
        ],
        1,
        link=no_link,
        held={"GPU-0": "is leased by PID 12"},
    )
    assert [gpu.uuid for gpu in choice.gpus] == ["GPU-3"]
    assert choice.refused == (
        "GPU 0 is leased by PID 12",
        "GPU 1 is in use by PID 4711, 1024 MiB",
        "GPU 2 has 20.0 of 80.0 GiB free",
    )


def test_a_desktop_is_no_stranger() -> None:
    desktop = GpuProcess(pid=1, used_bytes=1, description=None, graphics=True)
    worker = GpuProcess(pid=2, used_bytes=1, description=None)
    assert strangers([desktop, worker], []) == (worker,)
    assert strangers([desktop, worker], [2]) == ()
    choice = choose([candidate(0, processes=(desktop,))], 1, link=no_link, held={})
    assert len(choice.gpus) == 1


def test_strangers_are_shared_with_only_if_asked() -> None:
    stranger = GpuProcess(pid=4711, used_bytes=GIB, description=None)
    busy = [candidate(0, processes=(stranger,))]
    assert not choose(busy, 1, link=no_link, held={}).gpus
    assert choose(busy, 1, link=no_link, held={}, share_with_strangers=True).gpus


def test_memory_that_is_not_told_speaks_against_nobody() -> None:
    assert choose([candidate(0, free=None)], 1, link=no_link, held={}).gpus


def test_a_pair_gets_the_best_link() -> None:
    nvlinked = {frozenset({"GPU-1", "GPU-3"}): Link(12, PciePath.SYSTEM)}

    def link(one: str, other: str) -> Link:
        return nvlinked.get(frozenset({one, other}), Link(0, PciePath.SWITCH))

    choice = choose([candidate(index) for index in range(4)], 2, link=link, held={})
    assert [gpu.index for gpu in choice.gpus] == [1, 3]


def test_unlike_or_unbalanced_gpus_do_not_go_together() -> None:
    for pair in (
        [candidate(0), candidate(1, name="A100")],
        [candidate(0, free=80), candidate(1, free=0.79 * 80)],
        [candidate(0, board="B"), candidate(1, board="B")],
    ):
        choice = choose(pair, 2, link=no_link, held={}, minimum_free_share=0.1)
        assert choice.gpus == ()
        assert choice.refused == ("no 2 free GPUs are alike in model and free memory",)


def test_simulated_gpus_are_labelled_and_can_be_chosen() -> None:
    gpus = SimulatedGpus("NVIDIA H100", 80 * GIB)
    choice = choose(candidates(gpus), 4, link=gpus.link, held={})
    assert len(choice.gpus) == 4
    assert all(gpu.simulated and "simulated" in gpu.name for gpu in choice.gpus)


@given(
    frees=st.lists(st.integers(0, 80), min_size=1, max_size=6),
    count=st.integers(1, 4),
    held=st.sets(st.integers(0, 5)),
    lanes=st.lists(st.integers(0, 4), min_size=15, max_size=15),
)
def test_no_allowed_set_is_better_than_the_chosen_one(
    frees: list[int], count: int, held: set[int], lanes: list[int]
) -> None:
    present = [candidate(index, free=free) for index, free in enumerate(frees)]
    pairs = dict(zip(combinations(range(6), 2), lanes, strict=True))

    def link(one: str, other: str) -> Link:
        return Link(pairs[int(one[-1]), int(other[-1])])

    reasons = {f"GPU-{index}": "is leased" for index in held}
    choice = choose(present, count, link=link, held=reasons, minimum_free_share=0.25)
    allowed = [i for i, free in enumerate(frees) if i not in held and free >= 20]

    def worth(some: tuple[int, ...]) -> tuple[int, int]:
        weakest = min((pairs[pair] for pair in combinations(some, 2)), default=0)
        return weakest, min(frees[index] for index in some)

    good = [
        some
        for some in combinations(allowed, count)
        if min(frees[i] for i in some) >= BALANCE * max(frees[i] for i in some)
    ]
    chosen = tuple(gpu.index for gpu in choice.gpus)
    assert (chosen in good) if good else chosen == ()
    assert not good or worth(chosen) == max(map(worth, good))
