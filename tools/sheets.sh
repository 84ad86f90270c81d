#!/usr/bin/env bash
# Contact sheets of every bundled map, and of CARLA's towns when LANELOOP_TOWNS names their folder: docs/renderer/sheet-MAP.jpg.
# Usage: tools/sheets.sh [OUT_DIR] [MAP ...]; needs a build and the ffmpeg program (for JPEG). Each sheet stays below 400 kB.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${LANELOOP_BUILD:-build/release}
out=${1:-docs/renderer}
shift || true
command -v ffmpeg >/dev/null || { echo "sheets: the ffmpeg program is needed to write JPEG" >&2; exit 1; }
[ -x "$build/tools/contact_sheet" ] || { echo "sheets: $build/tools/contact_sheet: not built; run make" >&2; exit 1; }
maps=("$@")
if [ ${#maps[@]} -eq 0 ]; then
    maps=(configs/maps/*.xodr)
    [ -z "${LANELOOP_TOWNS:-}" ] || maps+=("$LANELOOP_TOWNS"/2020/Town01.xodr "$LANELOOP_TOWNS"/2020/Town10HD.xodr)
fi
# Spawn points with something to see; 0 for the others.
spawn_of() {
    case $1 in
    Town01) echo 20 ;;
    Town10HD) echo 10 ;;
    town_grid) echo 60 ;;
    *) echo 0 ;;
    esac
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"
for map in "${maps[@]}"; do
    [ -f "$map" ] || { echo "sheets: $map: no such map" >&2; exit 1; }
    name=$(basename "$map" .xodr)
    "$build/tools/contact_sheet" "$build/laneloop" "$map" "$work/$name.png" --title "$name" --width 432 --spawn "$(spawn_of "$name")"
    for quality in 3 5 8 12 20; do # ffmpeg's scale: smaller is better
        ffmpeg -v error -y -i "$work/$name.png" -q:v $quality "$work/$name.jpg"
        [ "$(stat -c %s "$work/$name.jpg")" -gt 400000 ] || break
    done
    mv "$work/$name.jpg" "$out/sheet-$name.jpg"
    echo "$out/sheet-$name.jpg: $(stat -c %s "$out/sheet-$name.jpg") bytes"
done
