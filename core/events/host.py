"""The machine and files that figures were measured with: what cannot be found out afterwards."""

from core.task import Frozen


class GpuDescription(Frozen):
    """One GPU of the machine as it was when the run began. None: it did not tell."""

    index: int
    """Its number on that machine."""
    uuid: str
    """Its UUID, by which it is leased."""
    name: str
    """Its model: `NVIDIA H100 80GB HBM3`."""
    memory_bytes: int | None = None
    """Its memory."""
    sm_clock_mhz: int | None = None
    """The clock at that moment."""
    most_sm_clock_mhz: int | None = None
    """The highest clock that it may have."""
    power_limit_watts: float | None = None
    """The limit that was in force."""
    simulated: bool = False
    """Whether it exists in a simulation alone."""


class ModelFiles(Frozen):
    """Which files a model was served from."""

    path: str
    """The folder or file, as an absolute path; the id where nothing of it is on this machine."""
    files: int = 0
    """How many there are."""
    bytes: int = 0
    """Sizes of the files, added up."""
    fingerprint: str = ""
    """SHA-256 over the names, sizes and first and last 64 KiB of every file: cheap to take of 100
    GB, and different for any two models. Empty where there is nothing to read."""
    revision: str = ""
    """The commit that a Hugging Face cache names; empty where it names none."""


class HostDescription(Frozen):
    """The machine, the driver, the model's files and this program."""

    autotuner: str
    """Version of this program."""
    name: str
    """Its host name."""
    kernel: str
    """Version of its Linux kernel."""
    python: str
    """Version of the Python that ran this program."""
    cpu: str
    """Model name of the processor."""
    cpus: int
    """Logical processors that this process may use."""
    governor: str = ""
    """What sets their clock: `performance`, `powersave`, several joined by commas; empty where the
    kernel does not tell."""
    memory_bytes: int
    """Main memory."""
    driver: str = ""
    """Version of the GPU driver; empty where there is none."""
    gpus: tuple[GpuDescription, ...] = ()
    """Every GPU that it has."""
    model: ModelFiles
    """The files that the model was served from."""
    executable: str = ""
    """Absolute path of the engine's program or interpreter; empty where it is in a container."""
    folder: str = ""
    """Absolute path of the folder that relative paths of the task start from; empty where it was
    not told."""
    task_sha256: str
    """SHA-256 of the task file's text as the store keeps it."""
