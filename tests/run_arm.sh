#!/usr/bin/env bash
# Run ARM test programs under qemu's user emulation, on a processor that has NEON alone and on one that also has dot products. The float
# kernels are the same on both and the slowest to emulate: once. Names and verdict as tests/run.sh prints them. LANELOOP_ISA makes a
# processor without its level a failure (tests/base/test_base.c).
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/neon" "$dir/neondot"
emulate() { # LEVEL CPU PROGRAM
    local run=$dir/$1/$(basename "$3")
    printf '#!/bin/sh\nLANELOOP_ISA=%s exec qemu-aarch64 -cpu %s "%s"\n' "$1" "$2" "$(realpath "$3")" >"$run"
    chmod +x "$run"
}
for t in "$@"; do
    emulate neon cortex-a53 "$t"
    case $t in
    */model_kernels/*) ;;
    *) emulate neondot max "$t" ;;
    esac
done
export TEST_TIMEOUT=${TEST_TIMEOUT:-1800}
LANELOOP=build/arm/laneloop MACHINE=aarch64 OBJDUMP=aarch64-linux-gnu-objdump tests/run.sh "$dir"/neon/* "$dir"/neondot/* tests/model_kernels/test_spills.sh
