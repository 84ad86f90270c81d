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
same() { "$mapgen" "$1" | cmp - "configs/maps/$1_loop.xodr"; }
refuses() {
    local status
    "$mapgen" "$@" >/dev/null 2>&1
    status=$?
    [ "$status" -eq 2 ]
}
check "training loop is what mapgen writes" same training
check "driving loop is what mapgen writes" same driving
check "an unknown loop is refused with status 2" refuses nowhere
check "no argument is refused with status 2" refuses
echo "1..$n"
