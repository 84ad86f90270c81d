#!/usr/bin/env bash
# The whole loop on the simulator inside: collect over TCP, train, quantise, drive, report.
#
#   tools/demo.sh          runs/demo: at most 12 minutes on two cores
#   tools/demo.sh tiny     runs/demo-tiny: the same path in about a minute, too little training to drive well
#
# SEED=N gives another town, other weathers, other initial weights; default 1.
set -euo pipefail
cd "$(dirname "$0")/.."
kind=${1:-full}
case $kind in
full) name=demo prefix=demo ;;
tiny) name=demo-tiny prefix=tiny ;;
*)
    echo "usage: tools/demo.sh [tiny]" >&2
    exit 2
    ;;
esac
seed=${SEED:-1}
laneloop=${LANELOOP:-build/release/laneloop}
run=${OUT:-runs/$name}
start=$(date +%s)

step() { printf '\n== %s (%d s)\n' "$1" $(($(date +%s) - start)); }

rm -rf "$run"
mkdir -p "$run/eval" "$run/drive"

step "collect: the expert drives the training map, and the driving map for held-out frames"
"$laneloop" collect "configs/collect/${prefix}_train.json" --out "$run/dataset" --seed "$seed"
"$laneloop" collect "configs/collect/${prefix}_test.json" --out "$run/heldout" --seed "$seed"
"$laneloop" dataset check "$run/dataset"
"$laneloop" dataset check "$run/heldout"
"$laneloop" dataset show "$run/dataset" --out "$run/dataset.png"
frames=$("$laneloop" dataset stats "$run/dataset" --json | sed -n 's/.*"frames": *\([0-9]*\).*/\1/p' | head -n 1)

step "train"
"$laneloop" train "configs/train/lane_${prefix}.json" F --dataset "$run/dataset" --out "$run/train" --seed "$seed"

step "quantize"
"$laneloop" quantize configs/quantize/demo.json "$run/train/model" --dataset "$run/dataset" --out "$run/int8" --seed "$seed"

step "evaluate on held-out frames of a map that training never saw"
"$laneloop" eval "$run/train/model" "$run/heldout" --json >"$run/eval/fp32.json"
"$laneloop" eval "$run/int8" "$run/heldout" --json >"$run/eval/int8.json"

step "drive: expert, fp32 and controls; then int8"
"$laneloop" drive "configs/drive/${prefix}.json" "$run/train/model" --out "$run/drive" --seed "$seed"
"$laneloop" drive "configs/drive/${prefix}.json" "$run/int8" --out "$run/drive" --seed "$seed" --runs model

printf '{"seconds": %d, "frames": %d, "seed": %d}\n' $(($(date +%s) - start)) "$frames" "$seed" >"$run/demo.json"
step "report"
"$laneloop" report "$run"
