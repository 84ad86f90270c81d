#!/usr/bin/env bash
# The expert drives each bundled map by its own configuration: the whole route, in its lane, without touching anything.
set -u
cd "$(dirname "$0")/../.."
laneloop=${LANELOOP:-build/release/laneloop}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
n=0
for map in country_loop mountain_road town_grid highway_ring; do
    n=$((n + 1))
    found=$("$laneloop" drive "configs/drive/$map.json" no-model --runs expert --out "$out/$map" --json 2>"$out/errors")
    if [[ $found == *'"status":"completed"'* && $found == *'"route_completion_pct":100'* && $found == *'"collisions":0,"lane_departures":0'* ]]; then
        echo "ok $n - the expert drives $map"
    else
        echo "not ok $n - the expert drives $map: $found $(tail -1 "$out/errors")"
    fi
done
echo "1..$n"
