#!/usr/bin/env bash
# Build cmocka for ARM from Debian's source into build/arm/cmocka: libcmocka.a and its headers, for `make test-arm`. Debian has it for arm64
# as a shared library only, and as a foreign architecture, which a machine should not get for one test. apt works here on lists and
# a cache of its own (build/arm/apt) and changes nothing outside; it needs no root.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$PWD/build/arm/cmocka
[ -f "$out/libcmocka.a" ] && exit 0
apt=$PWD/build/arm/apt
rm -rf "$apt" "$out"
mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial" "$apt/source" "$out"
# Where this machine's own packages come from, there is their source.
apt-get indextargets --format 'deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(REPO_URI) $(CODENAME) $(COMPONENT)' \
    'Created-By: Packages' | sort -u >"$apt/sources.list"
[ -s "$apt/sources.list" ] || { echo "cmocka_arm: apt knows no packages here; run apt-get update" >&2; exit 1; }
options=(-qq -o "Dir::State=$apt/state" -o Dir::State::status=/dev/null -o "Dir::Cache=$apt/cache" -o "Dir::Etc::sourcelist=$apt/sources.list"
    -o Dir::Etc::sourceparts=/dev/null -o APT::Sandbox::User=)
echo "fetching the source of cmocka"
apt-get "${options[@]}" update
(cd "$apt/source" && apt-get "${options[@]}" source --download-only cmocka)
tar -C "$apt/source" --strip-components=1 -xf "$(ls "$apt"/source/cmocka_*.orig.tar.*z)"
aarch64-linux-gnu-gcc -O1 -w -DHAVE_MALLOC_H -DHAVE_INTTYPES_H -DHAVE_SIGNAL_H -DHAVE_STRINGS_H -DHAVE_STRSIGNAL -DHAVE_STRUCT_TIMESPEC \
    -DHAVE_CLOCK_REALTIME -D_GNU_SOURCE -I"$apt/source/include" -c "$apt/source/src/cmocka.c" -o "$out/cmocka.o"
cp "$apt"/source/include/cmocka*.h "$out"
aarch64-linux-gnu-ar rcs "$out/libcmocka.a" "$out/cmocka.o"
