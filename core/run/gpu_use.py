"""What the GPUs did while a level was measured, put into its result. Pure."""

from collections.abc import Sequence

from core.events import GpuUse, SubRound
from core.machine.gpu_recorder import GpuRecord

_LONGEST_COURSE = 120
"""Samples that are kept of each GPU; of a longer measurement, evenly chosen ones."""


def with_gpu_use(sub_round: SubRound, records: Sequence[GpuRecord]) -> SubRound:
    """Return the sub-round with what was seen of its GPUs within its window."""
    used = tuple(_use(record, sub_round) for record in records)
    powers = [gpu.power for gpu in used if gpu.power is not None]
    return sub_round.model_copy(
        update={
            "gpu_use": used,
            "power": sum(powers) if powers and len(powers) == len(used) else None,
            "contaminated_by": tuple(who for record in records for who in record.strangers),
        }
    )


def _use(record: GpuRecord, sub_round: SubRound) -> GpuUse:
    end = sub_round.started_at + sub_round.duration
    within = tuple(s for s in record.samples if sub_round.started_at <= s.at <= end)
    seen = GpuRecord(record.uuid, within or record.samples, record.strangers)
    step = -(-len(seen.samples) // _LONGEST_COURSE) or 1
    return GpuUse(
        uuid=seen.uuid,
        utilization=seen.utilization,
        power=seen.power_watts,
        peak_memory=seen.peak_used_bytes,
        throttled_share=seen.throttled_share,
        course=tuple(
            (s.at, s.utilization, s.power_watts, s.used_bytes, s.temperature)
            for s in seen.samples[::step]
        ),
    )
