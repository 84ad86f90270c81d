#!/usr/bin/env bash
# The inner loops of the register tiles must not touch the stack: a compiler that spills one sum costs a third of the speed and no
# other test would notice. Looks at the instructions between the first and the last multiply-add of every tile.
# MACHINE and OBJDUMP are set for objects that were cross-built (tests/run_arm.sh).
objects=$(dirname "$LANELOOP")/model/kernels
objdump=${OBJDUMP:-objdump}
case ${MACHINE:-$(uname -m)} in
x86_64) levels=(avx2 avx512 avx512bf16) multiply_add='vfmadd|vdpbf16' spill='[(](%rsp|%rbp).*[yz]mm|[yz]mm.*[(](%rsp|%rbp)' ;;
aarch64) levels=(neon) multiply_add='fmla' spill='[qdv][0-9]+[.,].*[[](sp|x29)' ;;
*) levels=() ;;
esac
if [ ${#levels[@]} -eq 0 ] || ! command -v "$objdump" >/dev/null; then
    echo "ok 1 - tiles # SKIP needs objdump, and an x86-64 or ARM build"
    exit 0
fi
echo "1..${#levels[@]}"
number=0
for level in "${levels[@]}"; do
    number=$((number + 1))
    report=$("$objdump" -d --no-show-raw-insn "$objects/tiles_$level.o" | awk -v multiply_add="$multiply_add" -v spill="$spill" '
        /^[0-9a-f]+ <.*>:$/ { name = $2; pending = ""; seen = 0 }
        $0 ~ multiply_add { seen = 1; tiles[name] = 1; if (pending != "") { print name pending; bad = 1 } pending = "" }
        seen && $0 ~ spill { pending = pending "\n#" $0 }
        END { n = 0; for (t in tiles) n++; if (n < 20) { print "only " n " functions with multiply-adds"; bad = 1 } exit bad }')
    if [ $? -eq 0 ]; then
        echo "ok $number - tiles_$level: no stack access inside a tile loop"
    else
        echo "not ok $number - tiles_$level: vectors on the stack inside a tile loop"
        echo "# $report"
    fi
done
