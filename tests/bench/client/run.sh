#!/usr/bin/env bash
# CARLA's official client (from PyPI, 0.9.16) against ours on one embedded server. Usage: tests/bench/client/run.sh [ROUNDS]   (default 7)
# Take the numbers on a quiet machine.
set -eu
cd "$(dirname "$0")/../../.."
make -s all build/release/tests/bench/client_bench
dir=build/interop-venv-0.9.16
if ! "$dir/bin/python" -c "import carla, numpy" 2>/dev/null; then
    tests/interop/run.sh --environment 0.9.16
fi
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
HOME=$home "$dir/bin/python" tests/bench/client/compare.py build/release/laneloop build/release/tests/bench/client_bench "${1:-7}"
