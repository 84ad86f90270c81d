#!/usr/bin/env bash
# mapgen reproduces the committed maps byte for byte, twice, and refuses what it does not know.
set -u
cd "$(dirname "$0")/../.."
mapgen=${LANELOOP:-build/release/laneloop}
mapgen=$(dirname "$mapgen")/tools/mapgen
n=0
check() { # check NAME COMMAND...
    n=$((n + 1))
    local name=$1
    shift
    if "$@"; then echo "ok $n - $name"; else echo "not ok $n - $name"; fi
}
same() { "$mapgen" "$1" | cmp - "configs/maps/$1.xodr"; }
refuses() {
    local status
    "$mapgen" "$@" >/dev/null 2>&1
    status=$?
    [ "$status" -eq 2 ]
}
for map in configs/maps/*.xodr; do
    map=$(basename "$map" .xodr)
    check "$map is what mapgen writes" same "$map"
done
written=$("$mapgen" 2>&1 | sed -n 's/^NAME is one of: //p' | tr ' ' '\n' | sort | tr '\n' ' ')
kept=$(ls configs/maps | sed -n 's/\.xodr$//p' | sort | tr '\n' ' ')
check "every map that mapgen knows is kept" [ "$written" = "$kept" ]
check "an unknown map is refused with status 2" refuses nowhere
check "no argument is refused with status 2" refuses
echo "1..$n"
