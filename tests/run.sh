#!/usr/bin/env bash
# Run test programs (cmocka, printing TAP) and test scripts (printing TAP themselves), JOBS at a time (default: one per core); the
# results come in the order of the arguments, and the last line is the verdict:
#   N passed, N failed, N skipped
# A program that ends without a verdict of its own (a crash) counts as one failure.
set -u
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive} # spinning teams of parallel tests slow each other down tenfold
jobs=${JOBS:-$(nproc)}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# run_one TEST STEM: what to show goes to STEM.text, the three numbers to STEM.count, which is there when all is done.
run_one() {
    local t=$1 out=$2.out status skip bad ok start
    start=$(date +%s)
    CMOCKA_MESSAGE_OUTPUT=TAP timeout "${TEST_TIMEOUT:-600}" "$t" >"$out" 2>&1
    status=$?
    # cmocka writes a skipped test as "not ok N # SKIP", as scripts do with "ok N # SKIP"
    skip=$(grep -ciE '^(not )?ok.*# *SKIP' "$out")
    bad=$(grep -E '^not ok' "$out" | grep -civE '# *SKIP')
    ok=$(grep -E '^ok' "$out" | grep -civE '# *SKIP')
    if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
        bad=1
        echo "FAILED $t: exit status $status without a failing test" >>"$out"
    fi
    if [ $((ok + bad + skip)) -eq 0 ]; then
        bad=1
        echo "FAILED $t: ran no test" >>"$out"
    fi
    {
        printf '%-44s %3d passed %3d failed %3d skipped  %3d s\n' "$(basename "$(dirname "$t")")/$(basename "$t")" "$ok" "$bad" "$skip" $(($(date +%s) - start))
        if [ "$bad" -gt 0 ]; then
            cat "$out"
        elif [ "$skip" -gt 0 ]; then
            grep -iE '^(# *)?skip' "$out" | sort | uniq -c | sed 's/^ *\([0-9]*\) */   \1 x /'
        fi
    } >"$2.text"
    echo "$ok $bad $skip" >"$2.part" && mv "$2.part" "$2.count"
}

passed=0 failed=0 skipped=0 shown=0
show_finished() { # those that are done and whose predecessors are shown
    local ok bad skip
    while [ -f "$dir/$shown.count" ]; do
        cat "$dir/$shown.text"
        read -r ok bad skip <"$dir/$shown.count"
        passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip)) shown=$((shown + 1))
    done
}

started=0
for t in "$@"; do
    while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do
        wait -n
        show_finished
    done
    run_one "$t" "$dir/$started" </dev/null &
    started=$((started + 1))
done
wait
show_finished
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ $((passed + skipped)) -gt 0 ]
