#!/usr/bin/env bash
# Install the program, the maps, the library with its headers, and a pkg-config file. Called by `make install`.
#
# In liblaneloop.a only the names that a header declares stay global; helpers shared between files of one room become local, so
# that a program that links the library cannot clash with them.
set -euo pipefail
: "${PREFIX:?}" "${MODE:?}" "${PKGS:?}"
lib=build/$MODE/liblaneloop.a
work=build/$MODE/install
rm -rf "$work"
mkdir -p "$work"
mapfile -t headers < <(git ls-files 2>/dev/null | grep -E '^(base|sim|dataset|model|quant|eval)/.*\.h$' | grep -vE '(internal|_map\.h|table\.h|memory\.h|/tile)' ||
    find base sim dataset model quant eval -name '*.h')
cat "${headers[@]}" | grep -oE '[a-z][a-z0-9]*_[A-Za-z0-9_]+' | sort -u >"$work/declared"
nm -g --defined-only "$lib" | awk 'NF==3 {print $3}' | sort -u >"$work/global"
comm -12 "$work/declared" "$work/global" >"$work/keep"
ld -r --whole-archive "$lib" -o "$work/laneloop.o"
objcopy --keep-global-symbols="$work/keep" "$work/laneloop.o"
ar crs "$work/liblaneloop.a" "$work/laneloop.o"

install -D -m 755 "build/$MODE/laneloop" "$PREFIX/bin/laneloop"
install -D -m 644 "$work/liblaneloop.a" "$PREFIX/lib/liblaneloop.a"
for h in "${headers[@]}"; do
    install -D -m 644 "$h" "$PREFIX/include/laneloop/$h"
done
for m in configs/maps/*.xodr; do
    install -D -m 644 "$m" "$PREFIX/share/laneloop/maps/$(basename "$m")"
done
mkdir -p "$PREFIX/lib/pkgconfig"
cat >"$PREFIX/lib/pkgconfig/laneloop.pc" <<EOF
prefix=$PREFIX
Name: laneloop
Description: CARLA client, simulator, training and integer inference in C
Version: $("build/$MODE/laneloop" --version | awk '{print $2}')
Requires: $PKGS
Cflags: -I\${prefix}/include/laneloop
Libs: -L\${prefix}/lib -llaneloop -fopenmp -pthread -lm
EOF
echo "installed under $PREFIX"
