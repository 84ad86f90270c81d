#!/usr/bin/env bash
# Run test programs (cmocka, printing TAP) and test scripts (printing TAP themselves); the last line is the verdict:
#   N passed, N failed, N skipped
# A program that ends without a verdict of its own (a crash) counts as one failure.
set -u
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive} # spinning teams of parallel tests slow each other down tenfold
passed=0 failed=0 skipped=0
out=$(mktemp)
trap 'rm -f "$out"' EXIT
for t in "$@"; do
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
    passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
    printf '%-44s %3d passed %3d failed %3d skipped  %3d s\n' "$(basename "$(dirname "$t")")/$(basename "$t")" "$ok" "$bad" "$skip" $(($(date +%s) - start))
    if [ "$bad" -gt 0 ]; then
        cat "$out"
    elif [ "$skip" -gt 0 ]; then
        grep -iE '^(# *)?skip' "$out" | sort | uniq -c | sed 's/^ *\([0-9]*\) */   \1 x /'
    fi
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ $((passed + skipped)) -gt 0 ]
