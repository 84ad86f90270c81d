#!/usr/bin/env bash
# Train on two bundled maps, test on others and on CARLA's own frames, then without one effect at a time; docs/learning.md has the outcome.
#   tests/bench/generalisation.sh [--frames N] [--epochs N] [--seed N] [--out DIR] [--only NAME ...]     --help tells the rest
# LANELOOP_TOWNS: folder with 2020/Town10HD.xodr. LANELOOP_CARLA_FRAMES: folder of labelled frames of CARLA. Without them those tests are left out.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ -x "${LANELOOP:-build/release/laneloop}" ] || { echo "generalisation: build/release/laneloop is not built; run make" >&2; exit 1; }
exec python3 tests/bench/generalisation.py --laneloop "${LANELOOP:-build/release/laneloop}" "$@"
