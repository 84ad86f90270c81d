#!/usr/bin/env bash
# The programs of examples/: compiled against the installed package (pkg-config), and run against `laneloop serve`. Prints TAP.
set -u
cd "$(dirname "$0")/../.." || exit 1
laneloop=${LANELOOP:-build/release/laneloop}
work=$(mktemp -d)
server=
trap 'exec 9>&-; [ -n "$server" ] && kill "$server" 2>/dev/null; rm -rf "$work"' EXIT
n=0

# report NAME STATUS FILE: one line of TAP, with the output where it failed
report() {
    n=$((n + 1))
    if [ "$2" -eq 0 ]; then
        echo "ok $n - $1"
    else
        echo "not ok $n - $1"
        tail -20 "$3" | sed 's/^/# /'
    fi
}
# expect NAME PATTERN COMMAND...: exits 0 and prints a line that matches
expect() {
    local name=$1 pattern=$2
    shift 2
    timeout 120 "$@" >"$work/out" 2>&1 </dev/null && grep -qE "$pattern" "$work/out"
    report "$name" $? "$work/out"
}

make -s install PREFIX="$work/prefix" >"$work/out" 2>&1
report "make install" $? "$work/out"
export PKG_CONFIG_PATH=$work/prefix/lib/pkgconfig
mkdir "$work/bin" "$work/frames"
for source in examples/*.c examples/*.cpp; do
    name=$(basename "${source%.*}")
    case $source in *.c) compiler=(cc -std=c11) ;; *) compiler=(c++ -std=c++17) ;; esac
    # away from the sources, so that only installed headers can be found
    cp "$source" "$work/"
    # shellcheck disable=SC2046
    (cd "$work" && "${compiler[@]}" -Wall -Wextra -Werror -O1 "$(basename "$source")" -o "bin/$name" $(pkg-config --cflags --libs laneloop)) >"$work/out" 2>&1
    report "$name compiles against the installed package" $? "$work/out"
done

mkfifo "$work/alive" "$work/ready"
exec 8<>"$work/ready" 9<>"$work/alive"
"$laneloop" serve --map training_loop --port 0 --ready-fd 3 3>"$work/ready" <"$work/alive" 2>"$work/serve.err" 8>&- 9>&- &
server=$!
read -r -t 60 ports <&8
port=$(echo "$ports" | sed -n 's/.*"rpc_port": *\([0-9]*\).*/\1/p')

expect record_frames "^frame [0-9]+: 3 images, [1-9][0-9]* lidar points" "$work/bin/record_frames" 127.0.0.1 "$port" "$work/frames" 3
[ "$(find "$work/frames" -name '*.png' -size +100c | wc -l)" -eq 9 ]
report "record_frames wrote 9 pictures" $? "$work/out"
expect traffic "^20 vehicles, 100 ticks: ([5-9]|[1-3][0-9])\.[0-9] m each" "$work/bin/traffic" 127.0.0.1 "$port" 20 100
expect map_queries "^first spawn point: .*0\.000 m off" "$work/bin/map_queries" 127.0.0.1 "$port"
expect cpp_client "^Roads +[1-9][0-9]* points" "$work/bin/cpp_client" 127.0.0.1 "$port"
grep -qE "^marks crossed: [1-9]" "$work/out"
report "cpp_client crosses a mark" $? "$work/out"
"$work/bin/remote_traffic_manager" 127.0.0.1 "$port" 8000 2 5 0 >"$work/out" 2>&1
[ $? -eq 1 ] && grep -q "no traffic manager is registered for port 8000" "$work/out"
report "remote_traffic_manager says that there is none" $? "$work/out"

expect drive_square "^corner 4: " "$work/bin/drive_square" 127.0.0.1 "$port"

# Every example has cleaned up behind itself.
expect "nothing is left on the server" '"about":"actors".*no vehicles, walkers or sensors' "$laneloop" doctor --json --host 127.0.0.1 --port "$port"
exec 9>&-
wait "$server"
server=
echo "1..$n"
