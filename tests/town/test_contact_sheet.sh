#!/usr/bin/env bash
# tools/contact_sheet against the real simulator: a sheet of the right size, the same bytes twice, another street elsewhere, clear errors.
# Prints TAP.
set -u
laneloop=${LANELOOP:-build/release/laneloop}
tool=$(dirname "$laneloop")/tools/contact_sheet
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
tests=0
result() { # status, name, detail
    tests=$((tests + 1))
    if [ "$1" -eq 0 ]; then echo "ok $tests - $2"; else echo "not ok $tests - $2"; [ -f "${3:-}" ] && sed 's/^/# /' "$3"; fi
}
size_of() { od -An -tu1 -j16 -N8 "$1" | awk '{ print ($3 * 256 + $4) "x" ($7 * 256 + $8) }'; } # PNG: IHDR

"$tool" "$laneloop" configs/maps/driving_loop.xodr "$tmp/a.png" --width 64 --cars 4 >"$tmp/log" 2>&1
result $? "a sheet is drawn" "$tmp/log"
size=$(size_of "$tmp/a.png") # five pictures 64 x 36 side by side, twice, with margins of 6 and two lines of text of 18
[ "$size" = "356x126" ]; result $? "it has five columns of colour above labels ($size)"
"$tool" "$laneloop" configs/maps/driving_loop.xodr "$tmp/b.png" --width 64 --cars 4 >"$tmp/log" 2>&1 && cmp -s "$tmp/a.png" "$tmp/b.png"
result $? "a second one has the same bytes" "$tmp/log"
"$tool" "$laneloop" configs/maps/driving_loop.xodr "$tmp/c.png" --width 64 --cars 4 --spawn 9 >"$tmp/log" 2>&1 && ! cmp -s "$tmp/a.png" "$tmp/c.png"
result $? "another spawn point shows another street" "$tmp/log"
"$tool" "$laneloop" nosuchmap "$tmp/d.png" >"$tmp/log" 2>&1
[ $? -eq 1 ] && grep -q "nosuchmap" "$tmp/log"; result $? "an unknown map is named" "$tmp/log"
"$tool" "$laneloop" configs/maps/driving_loop.xodr "$tmp/e.png" --width 5 >"$tmp/log" 2>&1
[ $? -eq 2 ]; result $? "a width that is none is wrong usage" "$tmp/log"
echo "1..$tests"
