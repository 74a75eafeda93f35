"""Real container engines for tests: private daemons, and an image made from this machine's Python.

Nothing is downloaded. The daemons have their own folders, sockets and mounts, no bridge and no
firewall rules. They end with the process that started them, however that ends, and the next one
removes the folders that it left.
"""

import ctypes
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import docker
import pytest

from core.deploy.container_host import ContainerHost
from core.errors import HostError

IMAGE = "localhost/autotuner-test:latest"
_PR_SET_PDEATHSIG = 1
_NATIVE_PACKAGES = ("pydantic_core", "uvloop", "httptools")
"""What the simulated engine loads beside the standard library; mounted, but not its libraries."""
_LEFT_OUT = ("test", "tests", "idlelib", "ensurepip", "site-packages", "__pycache__", "config-*")


def build_image(archive: Path) -> None:
    """Write a root file system that holds this machine's Python and the libraries it needs."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        prefix = Path(sys.base_prefix)
        inside = root / prefix.relative_to("/")
        (inside / "bin").mkdir(parents=True)
        shutil.copy2(prefix / "bin" / version, inside / "bin" / version)
        (inside / "bin" / "python3").symlink_to(version)  # what `python3 -m venv` leads to
        shutil.copytree(
            prefix / "lib" / version,
            inside / "lib" / version,
            ignore=shutil.ignore_patterns(*_LEFT_OUT),
        )
        for library in _libraries(prefix, version):
            copy = root / library.relative_to("/")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(library, copy)
        for name in ("tmp", "etc", "proc", "sys", "dev", "run"):
            (root / name).mkdir(exist_ok=True)
        (root / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
        with tarfile.open(archive, "w") as tar:
            tar.add(root, ".")


def with_image(url: str, archive: Path) -> str:
    """Give an engine the image; returns its URL."""
    client = docker.DockerClient(base_url=url)
    client.api.import_image(src=str(archive), repository=IMAGE.partition(":")[0], tag="latest")
    client.close()
    return url


def _libraries(prefix: Path, version: str) -> set[Path]:
    """The shared libraries that Python, its modules and the native packages load."""
    site = Path(sys.prefix) / "lib" / version / "site-packages"
    objects = [prefix / "bin" / version, *(prefix / "lib" / version).rglob("lib-dynload/*.so")]
    objects += [path for package in _NATIVE_PACKAGES for path in (site / package).rglob("*.so")]
    told = subprocess.run(["ldd", *objects], capture_output=True, text=True, check=False).stdout
    return {Path(path) for path in re.findall(r"(/\S+\.so\S*)(?= \(0x)", told)}


@contextmanager
def private_dockerd() -> Iterator[str]:
    """A Docker daemon of our own; yields its URL."""
    if shutil.which("dockerd") is None:
        pytest.skip("dockerd is not installed (Debian: docker.io)")
    with _folder() as folder:
        command = [
            "dockerd", "--host", f"unix://{folder}/docker.sock", "--data-root", f"{folder}/data",
            "--exec-root", f"{folder}/exec", "--pidfile", f"{folder}/pid", "--bridge=none",
            "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false",
        ]  # fmt: skip
        with _daemon("dockerd", command, f"unix://{folder}/docker.sock", folder):
            yield f"unix://{folder}/docker.sock"


@contextmanager
def private_podman() -> Iterator[str]:
    """A Podman service of our own; yields its URL."""
    if shutil.which("podman") is None or shutil.which("runc") is None:
        pytest.skip("podman or runc is not installed")
    with _folder() as folder:
        config = folder / "containers.conf"
        # crun does not run everywhere, and the default limits need rights that tests may lack.
        config.write_text(
            '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
            '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n'
        )
        command = [
            "podman", "--root", f"{folder}/data", "--runroot", f"{folder}/run",
            "system", "service", "--time=0", f"unix://{folder}/podman.sock",
        ]  # fmt: skip
        environment = {**os.environ, "CONTAINERS_CONF": str(config)}
        with _daemon("podman", command, f"unix://{folder}/podman.sock", folder, environment):
            yield f"unix://{folder}/podman.sock"


@contextmanager
def _folder() -> Iterator[Path]:
    # Not under pytest's own folder: the path of a socket may have 107 characters.
    place = Path(tempfile.gettempdir())
    for left in place.glob("autotuner-engine-*"):
        with suppress(OSError), (left / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix="autotuner-engine-"))
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder
        shutil.rmtree(folder)


@contextmanager
def _daemon(
    name: str,
    command: list[str],
    url: str,
    folder: Path,
    environment: dict[str, str] | None = None,
) -> Iterator[None]:
    log = folder / "log"
    if os.geteuid() == 0:  # what it mounts is gone with the last of its processes
        command = ["unshare", "--mount", *command]
    libc = ctypes.CDLL(None)
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=output,
            env=environment,
            preexec_fn=lambda: libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM),
        )
    try:
        if not _answers(url, process):
            last = log.read_text().strip().rpartition("\n")[2]
            pytest.skip(f"{name} cannot start here: {last[:200]}")
        yield
    finally:
        process.terminate()
        process.wait(60)


def _answers(url: str, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(HostError):
            ContainerHost(url).close()
            return True
        time.sleep(0.05)
    return False
