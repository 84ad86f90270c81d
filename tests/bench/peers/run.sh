#!/usr/bin/env bash
# laneloop against PyTorch, ONNX Runtime and OpenVINO. Arguments go to compare.py; --help lists them.
# The peers come from PyPI into build/peers/venv. PyPI's torch carries CUDA and takes 6 GiB; where less than 12 GiB are free, Debian's python3-torch
# (older) is taken instead, with the rest in a virtual environment on top of it.
set -euo pipefail
cd "$(dirname "$0")/../../.."
venv=build/peers/venv
others=(numpy onnx onnxruntime openvino safetensors)
[ -x "${LANELOOP:-build/release/laneloop}" ] || { echo "peers: build laneloop first (make)" >&2; exit 1; }
if ! "$venv/bin/python" -c "import torch, onnx, onnxruntime, openvino, safetensors" 2>/dev/null; then
    mkdir -p build/peers
    rm -rf "$venv"
    if [ "$(df --output=avail -k build | tail -1)" -ge $((12 << 20)) ]; then
        python3 -m venv "$venv"
        "$venv/bin/pip" install --quiet --disable-pip-version-check torch "${others[@]}"
    else
        /usr/bin/python3 -c "import torch" 2>/dev/null || { echo "peers: less than 12 GiB free for PyPI's torch; apt-get install python3-torch" >&2; exit 1; }
        /usr/bin/python3 -m venv --system-site-packages "$venv"
        "$venv/bin/pip" install --quiet --disable-pip-version-check "${others[@]}"
    fi
fi
exec "$venv/bin/python" tests/bench/peers/compare.py "$@"
