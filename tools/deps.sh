#!/usr/bin/env bash
# Install the Debian packages that a build needs and that are missing. `tools/deps.sh ci` adds what CI uses, `tools/deps.sh arm` what
# `make test-arm` does.
set -euo pipefail
want=(gcc g++ make pkg-config libcurl4-openssl-dev libmsgpack-dev libpng-dev libcjson-dev libexpat1-dev libcairo2-dev zlib1g-dev libcmocka-dev
    libmicrohttpd-dev libjpeg62-turbo-dev)
if [ "${1:-}" = ci ]; then
    want+=(clang clang-format cppcheck libclang-rt-14-dev libomp-14-dev llvm-14)
elif [ "${1:-}" = arm ]; then
    want=(gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user)
fi
missing=()
for p in "${want[@]}"; do
    dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p")
done
[ ${#missing[@]} -eq 0 ] && exit 0
echo "installing: ${missing[*]}"
run=()
if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null 2>&1; then
        run=(sudo)
    else
        echo "deps: not root and no sudo; ask an administrator for: apt-get install ${missing[*]}" >&2
        exit 1
    fi
fi
if ! command -v apt-get >/dev/null 2>&1; then
    echo "deps: no apt-get here (Debian 12 is what this project is built on); needed packages: ${missing[*]}" >&2
    exit 1
fi
"${run[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${run[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
