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
. /etc/os-release
echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $VERSION_CODENAME main" >"$apt/sources.list"
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
