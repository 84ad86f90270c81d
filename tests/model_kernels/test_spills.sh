#!/usr/bin/env bash
# The inner loops of the register tiles must not touch the stack: a compiler that spills one sum costs a third of the speed and no
# other test would notice. Looks at the instructions between the first and the last multiply-add of every tile.
objects=$(dirname "$LANELOOP")/model/kernels
echo 1..3
number=0
for level in avx2 avx512 avx512bf16; do
    number=$((number + 1))
    object=$objects/tiles_$level.o
    if [ "$(uname -m)" != x86_64 ] || ! command -v objdump >/dev/null; then
        echo "ok $number - tiles_$level # SKIP needs objdump and an x86-64 build"
        continue
    fi
    report=$(objdump -d --no-show-raw-insn "$object" | awk '
        /^[0-9a-f]+ <.*>:$/ { name = $2; pending = ""; seen = 0 }
        /vfmadd|vdpbf16/ { seen = 1; tiles[name] = 1; if (pending != "") { print name pending; bad = 1 } pending = "" }
        seen && /[yz]mm/ && /\((%rsp|%rbp)/ { pending = pending "\n#" $0 }
        END { n = 0; for (t in tiles) n++; if (n < 20) { print "only " n " functions with multiply-adds"; bad = 1 } exit bad }')
    if [ $? -eq 0 ]; then
        echo "ok $number - tiles_$level: no stack access inside a tile loop"
    else
        echo "not ok $number - tiles_$level: vectors on the stack inside a tile loop"
        echo "# $report"
    fi
done
