"""What the figures can be attributed to, in words. The same for every format."""

from datetime import datetime

from core.events import GpuDescription, HostDescription
from core.report import figures
from core.report.manifest import Manifest
from core.report.wording import gib, spelled
from core.task import spell

ARGUMENTS = "What the servers were asked to run with, and what they say they run with:"
ARGUMENT_HEADS = ("#", "flag", "asked", "in force")


def facts(found: Manifest) -> tuple[tuple[str, str], ...]:
    """Return what the figures can be attributed to, as pairs of a name and a fact."""
    floor = (
        ""
        if found.client_ttft_floor is None or found.client_itl_floor is None
        else f"TTFT {figures.latency(found.client_ttft_floor)}, "
        f"gap between tokens {figures.latency(found.client_itl_floor)} (P99)"
    )
    simulated = " (simulated)" if found.simulated else ""
    pairs = [
        ("task", found.task),
        ("task file", found.source),
        ("SHA-256 of its text", found.task_sha256),
        ("engine", " ".join(filter(None, (found.engine, found.engine_version))) + simulated),
        ("runs as", "a process of the machine" if found.deployment == "local" else "a container"),
        ("model", found.model),
        ("load levels", ", ".join(str(level) for level in found.levels)),
        ("seed", str(found.seed)),
        ("began", _moment(found.began_at)),
        ("ended", _moment(found.ended_at)),
        ("autotuner", found.autotuner),
        ("load worker's own error", floor),
        *(pair for host in found.hosts[-1:] for pair in _host(host)),
    ]
    return tuple((name, text) for name, text in pairs if text)


def _host(host: HostDescription) -> list[tuple[str, str]]:
    model = host.model
    files = (
        f"{model.files} files, {gib(model.bytes)}, {model.fingerprint[:16]}" if model.files else ""
    )
    clock = f"clock by the {host.governor} governor" if host.governor else ""
    processor = f"{host.cpu}, {host.cpus} threads, {gib(host.memory_bytes)}"
    return [
        ("model files", ", ".join(filter(None, (model.path, files)))),
        ("model revision", model.revision),
        ("host", f"{host.name}, Linux {host.kernel}, Python {host.python}"),
        ("processor", ", ".join(filter(None, (processor, clock)))),
        ("GPU driver", host.driver),
        *((f"GPU {gpu.index}", _gpu(gpu)) for gpu in host.gpus if not gpu.simulated),
        *(
            (("GPUs", f"{len(host.gpus)} × {host.gpus[0].name}"),)
            if host.gpus and host.gpus[0].simulated
            else ()
        ),
        ("program", host.executable),
    ]


def _gpu(gpu: GpuDescription) -> str:
    told = [gpu.name]
    told += [gib(gpu.memory_bytes)] if gpu.memory_bytes is not None else []
    if gpu.sm_clock_mhz is not None and gpu.most_sm_clock_mhz is not None:
        told.append(f"SM clock {gpu.sm_clock_mhz} of {gpu.most_sm_clock_mhz} MHz")
    if gpu.power_limit_watts is not None:
        told.append(f"limited to {figures.number(gpu.power_limit_watts)} W")
    return ", ".join([*told, gpu.uuid])


def _moment(unix_time: float | None) -> str:
    if unix_time is None:
        return ""
    return datetime.fromtimestamp(unix_time).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")


def arguments(found: Manifest) -> tuple[tuple[str, str, str, str], ...]:
    """Return rows of experiment, flag, what was asked and what the server says it runs with."""
    return tuple(
        (
            str(one.experiment),
            argument.flag,
            spelled(argument.asked),
            ("! " if argument.differs else "")
            + ("not told" if argument.in_force is None else spell(argument.in_force)),
        )
        for one in found.in_force
        for argument in one.account.arguments
    )
