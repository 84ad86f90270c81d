#!/usr/bin/env bash
# client.h is what an outside program includes: it must compile alone, from C and from C++, without a warning.
cd "$(dirname "$0")/../.." || exit 1
n=0
try() {
    n=$((n + 1))
    if out=$(echo '#include "sim/client/client.h"
int main(void) { client_options o = client_options_default(); return o.port; }' | "$@" -Wall -Wextra -Werror -I. -fsyntax-only - 2>&1); then
        echo "ok $n - $*"
    else
        echo "not ok $n - $*"
        echo "${out}" | head -5 | sed 's/^/# /'
    fi
}
echo 1..4
try gcc -std=c11 -x c
try g++ -std=c++11 -x c++
try g++ -std=c++20 -x c++
if command -v clang++ >/dev/null; then
    try clang++ -std=c++17 -x c++ -Wno-c99-designator
else
    echo "ok 4 # SKIP no clang++"
fi
