"""Which GPUs a server should get. `choose` is pure: facts in, a choice or the reasons against out.

A GPU is passed over if somebody holds it, if a stranger computes on it, or if too much of its
memory is taken. Of the sets that are left, the one with the best weakest link wins, since tensor
parallelism goes as fast as its slowest pair; then the one with the most free memory.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations

from core.machine.gpus import Gpu, GpuMemory, GpuProcess, Gpus, Link
from core.machine.masking import masked

BALANCE = 0.8
"""Least free memory of one GPU of a set as a share of another's. SGLang refuses to start below."""

_LONGEST_COMMAND = 60


@dataclass(frozen=True)
class Candidate:
    """A GPU with what speaks for and against it."""

    gpu: Gpu
    memory: GpuMemory | None
    """None if the GPU does not tell, which does not speak against it."""
    processes: tuple[GpuProcess, ...]
    """Those that are not ours."""


@dataclass(frozen=True)
class Choice:
    """The GPUs to take, or why there are none."""

    gpus: tuple[Gpu, ...]
    refused: tuple[str, ...]
    """Why each GPU that was passed over was, a sentence each."""


def choose(
    candidates: Sequence[Candidate],
    count: int,
    *,
    link: Callable[[str, str], Link],
    held: Mapping[str, str],
    minimum_free_share: float = 0.9,
    share_with_strangers: bool = False,
) -> Choice:
    """Choose `count` GPUs for one server.

    Args:
        candidates: every GPU of the machine.
        count: how many the server needs.
        link: how two GPUs, by UUID, reach each other.
        held: UUIDs that are not to be had, each with the reason: a lease, a quarantine.
        minimum_free_share: free memory of a GPU as a share of its total, below which it is passed
            over.
        share_with_strangers: whether a GPU on which somebody else computes will do.

    Returns:
        The GPUs in their order on the machine; none if there are not enough.
    """
    against = {
        candidate.gpu.uuid: _against(candidate, held, minimum_free_share, share_with_strangers)
        for candidate in candidates
    }
    free = [candidate for candidate in candidates if not against[candidate.gpu.uuid]]
    refused = [
        f"GPU {candidate.gpu.index} {against[candidate.gpu.uuid]}"
        for candidate in candidates
        if against[candidate.gpu.uuid]
    ]
    link = cache(link)
    sets = [some for some in combinations(free, count) if _go_together(some)]
    if count > 0 and len(free) >= count and not sets:
        refused.append(f"no {count} free GPUs are alike in model and free memory")
    if not sets:
        return Choice((), tuple(refused))
    best = max(sets, key=lambda some: (_weakest_link(some, link), _least_free(some)))
    return Choice(tuple(candidate.gpu for candidate in best), tuple(refused))


def candidates(gpus: Gpus) -> list[Candidate]:
    """Look every GPU of the machine over. Blocks for some milliseconds."""
    return [
        Candidate(gpu, gpus.memory(gpu.uuid), gpus.processes(gpu.uuid) or ())
        for gpu in gpus.present()
    ]


def strangers(processes: Collection[GpuProcess], ours: Collection[int]) -> tuple[GpuProcess, ...]:
    """Return those that compute and whose PIDs are not `ours`."""
    return tuple(
        process for process in processes if not process.graphics and process.pid not in ours
    )


def _against(
    candidate: Candidate,
    held: Mapping[str, str],
    minimum_free_share: float,
    share_with_strangers: bool,
) -> str | None:
    if candidate.gpu.uuid in held:
        return held[candidate.gpu.uuid]
    computing = strangers(candidate.processes, ())
    if computing and not share_with_strangers:
        return f"is in use by {', '.join(name_of(process) for process in computing)}"
    memory = candidate.memory
    if memory is not None and memory.free < minimum_free_share * memory.total:
        return f"has {memory.free / 2**30:.1f} of {memory.total / 2**30:.1f} GiB free"
    return None


def name_of(process: GpuProcess) -> str:
    """Return a process in words: PID, command line, owner, MiB."""
    text = f"PID {process.pid}"
    if process.description is not None:
        command = " ".join(masked(process.description.command)) or process.description.name
        shown = command if len(command) <= _LONGEST_COMMAND else f"{command[:_LONGEST_COMMAND]}…"
        text += f" ({shown}, {process.description.owner})"
    if process.used_bytes is not None:
        text += f", {process.used_bytes / 2**20:.0f} MiB"
    return text


def _go_together(some: Sequence[Candidate]) -> bool:
    frees = [candidate.memory.free for candidate in some if candidate.memory is not None]
    alike = len({candidate.gpu.name for candidate in some}) <= 1
    # NCCL cannot span MIG slices.
    divided = len(some) > 1 and any(candidate.gpu.is_slice for candidate in some)
    return alike and not divided and (not frees or min(frees) >= BALANCE * max(frees))


def _weakest_link(some: Sequence[Candidate], link: Callable[[str, str], Link]) -> Link:
    pairs = combinations([candidate.gpu.uuid for candidate in some], 2)
    return min((link(one, other) for one, other in pairs), default=Link())


def _least_free(some: Sequence[Candidate]) -> int:
    return min((candidate.memory.free for candidate in some if candidate.memory), default=0)
