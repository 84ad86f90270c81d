#!/usr/bin/env bash
# CARLA's official Python client against our server. Usage: tests/interop/run.sh [carla version ...]   (default 0.9.16 0.9.15)
# The client comes from PyPI into a virtual environment under build/. One "ok"/"not ok" line per check; then a line per version, and the
# last line is the verdict: N passed, N failed, N skipped
set -u
cd "$(dirname "$0")/../.."
server=${LANELOOP:-build/release/laneloop}
passed=0 failed=0 skipped=0 summary=
out=$(mktemp)
trap 'rm -f "$out"' EXIT

skip() {
    echo "skip: $1"
    skipped=$((skipped + 1))
}

# find_python VERSION: the wheels exist for CPython 3.10 to 3.12 (0.9.16) and 3.7 to 3.10 (0.9.15); look on PATH and among pyenv's.
find_python() {
    local p range='(3, 10) <= v <= (3, 12)'
    [ "$1" = 0.9.15 ] && range='(3, 7) <= v <= (3, 10)'
    for p in python3.12 python3.11 python3.10 python3.9 python3.8 python3 "$HOME"/.pyenv/versions/3.*/bin/python3; do
        p=$(command -v "$p") || continue
        "$p" -c "import sys, venv, ensurepip; v = sys.version_info[:2]; sys.exit(not $range)" 2>/dev/null && echo "$p" && return
    done
    echo "no Python with $range, venv and ensurepip found" >&2
    return 1
}

# environment VERSION: prints the path of a python that has that client, or says on stderr why there is none
environment() {
    local dir=build/interop-venv-$1 python
    if ! "$dir/bin/python" -c "import carla, numpy" 2>/dev/null; then
        python=$(find_python "$1") || return 1
        rm -rf "$dir"
        "$python" -m venv "$dir" >"$out" 2>&1 || { echo "venv: $(tail -1 "$out")" >&2; return 1; }
        "$dir/bin/pip" install --quiet --disable-pip-version-check "carla==$1" numpy >"$out" 2>&1 ||
            { echo "pip install carla==$1: $(tail -1 "$out")" >&2; return 1; }
        "$dir/bin/python" -c "import carla, numpy" 2>"$out" || { echo "import carla: $(tail -1 "$out")" >&2; return 1; }
    fi
    echo "$dir/bin/python"
}

count() {
    passed=$((passed + $(grep -c '^ok ' "$out")))
    failed=$((failed + $(grep -c '^not ok ' "$out")))
    skipped=$((skipped + $(grep -c '^skip' "$out")))
}

# --environment VERSION: only make it, for other programs that want CARLA's client
if [ "${1:-}" = --environment ]; then
    environment "${2:?version}"
    exit
fi
# run_version VERSION: all programs; what they print, then the numbers and the lines of the summary to $dir/VERSION.count and .summary
run_version() {
    local version=$1 python home program attempt status how since=$SECONDS
    out=$(mktemp)
    if ! python=$(environment "$version" 2>"$out"); then
        skip "carla $version: $(cat "$out")"
        summary="carla $version: not run"$'\n'
    else
        # The client caches maps under its home directory; a stale map of another test must not be found there.
        home=$(mktemp -d)
        for program in tests/interop/test_*.py; do
            echo "# carla $version: $(basename "$program")"
            for attempt in 1 2 3; do
                HOME=$home timeout --signal=ABRT --kill-after=10 "${TEST_TIMEOUT:-300}" "$python" -X faulthandler "$program" "$server" "$version" >"$out" 2>&1
                status=$?
                # 75, 76: the client hung or crashed while the server was well (common.py); that is said, and the program gets another go.
                # A third crash is a failure: a client that crashes each time may be crashed by what the server sends.
                case $status in
                    75) how=hung ;;
                    76) how=crashed ;;
                    *) break ;;
                esac
                summary+="carla $version: $(basename "$program"), go $attempt: CARLA's client $how, the server did not"$'\n'
                [ "$status" -eq 76 ] && [ "$attempt" -eq 3 ] && break
                sed -i 's/^/# /' "$out"
                if [ "$attempt" -lt 3 ]; then
                    cat "$out"
                else
                    echo "skip: carla $version: $(basename "$program"): CARLA's client hung three times while the server answered and ticked" >>"$out"
                    status=0
                fi
            done
            cat "$out"
            count
            if [ "$status" -ne 0 ] && ! grep -q '^not ok ' "$out"; then
                echo "not ok $(basename "$program"): ended with status $status"
                failed=$((failed + 1))
                summary+="carla $version: $(basename "$program") ended with status $status"$'\n'
            fi
        done
        rm -rf "$home"
        summary+="carla $version: $passed passed, $failed failed, $skipped skipped, $((SECONDS - since)) s"$'\n'
    fi
    rm -f "$out"
    printf '%s' "$summary" >"$dir/$version.summary"
    echo "$passed $failed $skipped" >"$dir/$version.count"
}

[ $# -gt 0 ] || set -- 0.9.16 0.9.15
# The versions run side by side: the programs wait more than they work. What they print comes one version after the other.
dir=$(mktemp -d)
trap 'rm -rf "$out" "$dir"' EXIT
trap 'trap "" TERM; kill 0; exit 130' INT # what runs in the background does not hear a Ctrl-C
for version in "$@"; do
    (trap - EXIT && run_version "$version" >"$dir/$version.log" 2>&1) &
done
wait
for version in "$@"; do
    cat "$dir/$version.log"
    read -r p f s <"$dir/$version.count" || p=0 f=1 s=0 # it ended early: its log says where
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    summary+=$(cat "$dir/$version.summary" 2>/dev/null)$'\n'
done
# ASAM's checker of OpenDRIVE files, from PyPI as well
checker=build/asam-venv
if [ -x "$checker/bin/qc_opendrive" ] || { p=$(find_python 0.9.16 2>"$out") && "$p" -m venv "$checker" >"$out" 2>&1 &&
    "$checker/bin/pip" install --quiet --disable-pip-version-check asam-qc-opendrive==1.0.0 >"$out" 2>&1; }; then
    echo "# ASAM's OpenDRIVE checker"
    timeout "${TEST_TIMEOUT:-300}" "$checker/bin/python" tests/interop/asam_checker.py configs/maps/*.xodr >"$out" 2>&1 ||
        grep -q '^not ok ' "$out" || echo "not ok asam_checker.py: ended early" >>"$out"
    cat "$out"
    count
    summary+="ASAM's OpenDRIVE checker: $(grep -c '^ok ' "$out") passed, $(grep -c '^not ok ' "$out") failed"$'\n'
else
    skip "ASAM's OpenDRIVE checker: $(tail -1 "$out")"
fi
printf '%s' "$summary"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ $((passed + skipped)) -gt 0 ]
