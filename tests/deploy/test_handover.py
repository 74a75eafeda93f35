"""The `docker run` that is handed over, by the real Docker: what it reads and what it starts."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.report.handover.containers import docker_run
from core.report.handover.deployment import Deployment, deployment
from core.task import Mount
from tests.deploy.container_engines import IMAGE
from tests.report.served import served

NASTY = ("it's", 'say "hi"', '{"a": [1, "$HOME"]}', "100%", "", "a\nb", "-1", "--", "é", "*", "$$")
PYTHON = f"{sys.base_prefix}/bin/python3"
SAY = "import json, os, sys; print(json.dumps([sys.argv[1:], os.environ['SAID']]))"

pytestmark = pytest.mark.slow


def deployed(mounts: tuple[Mount, ...] = ()) -> Deployment:
    found = deployment(served())
    assert found is not None
    return replace(
        found,
        image=IMAGE,
        inside=(PYTHON, "-c", SAY, *NASTY, "--api-key", "***"),
        environment={"SAID": "a 'b' $HOME"},
        secrets=("API_KEY",),
        mounts=mounts,
        shm_gib=0.5,
        gpus=2,
    )


def in_a_shell(text: str, url: str) -> str:
    if shutil.which("docker") is None:
        pytest.skip("docker's own program is not installed")
    ended = subprocess.run(
        ["sh", "-c", text],
        env={"DOCKER_HOST": url, "API_KEY": "sesam", "PATH": "/usr/bin:/bin:/usr/local/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_docker_reads_every_flag(dockerd: str, tmp_path: Path) -> None:
    colon = tmp_path / 'with:colon, comma and "quotes"'
    colon.mkdir()
    mounts = (
        Mount(source=f"{tmp_path}/a b", target="/a b"),
        Mount(source=str(colon), target=str(colon), read_only=False),
    )
    text = docker_run(deployed(mounts)) or ""
    made = in_a_shell(text.replace("docker run --rm", "docker create"), dockerd).strip()
    [seen] = json.loads(in_a_shell(f"docker inspect {made}; docker rm {made} >&2", dockerd))
    config: dict[str, Any] = seen["Config"]
    host: dict[str, Any] = seen["HostConfig"]
    assert seen["Name"] == "/chat-8b"
    assert config["Entrypoint"] == [PYTHON]
    assert config["Cmd"] == ["-c", SAY, *NASTY, "--api-key", "sesam"]
    assert {"SAID=a 'b' $HOME", "API_KEY=sesam"} <= set(config["Env"])
    assert host["ShmSize"] == 512 << 20
    assert host["PortBindings"] == {"8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8000"}]}
    assert host["DeviceRequests"][0]["Count"] == 2
    assert host["Binds"] == [f"{tmp_path}/a b:/a b:ro"]
    [mount] = host["Mounts"]
    assert (mount["Type"], mount["Source"], mount["Target"]) == ("bind", str(colon), str(colon))


def test_docker_starts_exactly_these_words(dockerd: str) -> None:
    """Without GPUs and bridge, which are not here."""
    text = docker_run(replace(deployed(), gpus=0)) or ""
    text = text.replace("--publish 127.0.0.1:8000:8000", "--network host")
    words, said = json.loads(in_a_shell(text, dockerd))
    assert words == [*NASTY, "--api-key", "sesam"]
    assert said == "a 'b' $HOME"
