#!/usr/bin/env bash
# Loss curves of our trainer and PyTorch's from the same weights, images and order. Arguments go to curves.py; --help lists them.
set -euo pipefail
cd "$(dirname "$0")/../../.."
tests/bench/peers/run.sh --help >/dev/null # installs the peers
venv=build/peers/venv
"$venv/bin/python" -c "import PIL, matplotlib" 2>/dev/null || "$venv/bin/pip" install --quiet --disable-pip-version-check pillow matplotlib
exec "$venv/bin/python" tests/bench/peers/curves.py "$@"
