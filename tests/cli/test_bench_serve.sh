#!/usr/bin/env bash
# laneloop bench serve: a row has every key, a running server can be measured, sets are known, wrong arguments are refused.
set -u
cd "$(dirname "$0")/../.."
laneloop=${LANELOOP:-build/release/laneloop}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0
check() { # NAME CONDITION...
    local name=$1
    shift
    if "$@"; then echo "ok $name"; else
        echo "not ok $name"
        bad=1
    fi
}
has() { grep -q -- "$2" "$1"; }

small=(--map driving_loop --size 64x32 --vehicles 2 --seconds 0.1)
"$laneloop" bench serve "${small[@]}" --sensors rgb,lidar --json >"$work/row" 2>"$work/err"
check "a row is measured" [ $? -eq 0 ]
check "it is one line" [ "$(wc -l <"$work/row")" -eq 1 ]
for key in map size sensors shadow aa weather vehicles cameras threads level over_socket frames fps median_ms p95_ms cpu_ms points_per_s rss_mb start_s; do
    check "key $key" has "$work/row" "\"$key\":"
done
check "points of the lidar are counted" bash -c "grep -o '\"points_per_s\":[0-9]*' '$work/row' | grep -q ':[1-9]'"
check "its CPU time is known" bash -c "grep -o '\"cpu_ms\":[0-9.]*' '$work/row' | grep -q '[1-9]'"
check "the server's memory is known" bash -c "grep -o '\"rss_mb\":[0-9]*' '$work/row' | grep -q ':[1-9]'"

"$laneloop" bench serve --rows levels --map driving_loop --vehicles 0 --seconds 0.1 --json >"$work/levels" 2>"$work/err"
check "rows of a set" [ $? -eq 0 ]
check "the scalar level is one of them" has "$work/levels" '"level":"scalar"'

"$laneloop" bench serve "${small[@]}" --markdown >"$work/markdown" 2>"$work/err"
check "a table for a document" [ $? -eq 0 ]
check "has a head, a rule and a row of as many columns" \
    [ "$(tr -cd '|\n' <"$work/markdown" | sort | uniq -c | awk '{ print $1, length($2) }')" = "3 14" ]

mkfifo "$work/ready"
sleep 60 | "$laneloop" serve --map driving_loop --port 0 --ready-fd 3 3>"$work/ready" 2>/dev/null &
server=$!
read -r line <"$work/ready"
port=$(sed 's/.*"rpc_port":\([0-9]*\).*/\1/' <<<"$line")
"$laneloop" bench serve --host 127.0.0.1 --port "$port" --size 64x32 --vehicles 1 --seconds 0.1 --json >"$work/outside" 2>"$work/err"
check "a running server is measured" [ $? -eq 0 ]
check "its CPU time is unknown" has "$work/outside" '"cpu_ms":null'
check "its memory is unknown" has "$work/outside" '"rss_mb":null'
kill "$server" 2>/dev/null
pkill -P $$ sleep 2>/dev/null

refused() { # TEXT ARGUMENTS...
    local text=$1
    shift
    "$laneloop" bench serve "$@" >"$work/out" 2>"$work/err"
    check "refused: $*" [ $? -eq 2 ]
    check "and says why: $text" has "$work/err" "$text"
}
refused 'found "most"' --rows most
refused 'found "sonar"' --sensors rgb,sonar
refused 'found "snow"' --weather snow
refused 'found "maybe"' --aa maybe
refused '--shadow on' --aa on --shadow off
refused 'not with --host' --rows maps --host 127.0.0.1
refused 'found "0x5"' --size 0x5
exit $bad
