#!/usr/bin/env bash
# Bad input on the command line: one clear line on stderr, a non-zero exit status, and nothing lost. Prints TAP.
set -u
laneloop=${LANELOOP:-build/release/laneloop}
work=$(mktemp -d)
server=
trap '[ -n "$server" ] && kill "$server" 2>/dev/null; rm -rf "$work"' EXIT
n=0 bad=0

# expect NAME STATUS PATTERN COMMAND...: exit status, and stderr has exactly one line of ours, which matches
expect() {
    local name=$1 status=$2 pattern=$3 got lines
    shift 3
    timeout 60 "$@" >"$work/out" 2>"$work/err" </dev/null
    got=$?
    lines=$(grep -c '^laneloop: ' "$work/err")
    n=$((n + 1))
    if [ "$got" -eq "$status" ] && [ "$lines" -eq 1 ] && grep -qE "$pattern" "$work/err"; then
        echo "ok $n - $name"
    else
        bad=1
        echo "not ok $n - $name"
        echo "# exit status $got, wanted $status; wanted one line like: $pattern"
        sed 's/^/# /' "$work/err"
    fi
}

check() { # NAME CONDITION...
    local name=$1
    shift
    n=$((n + 1))
    if "$@"; then echo "ok $n - $name"; else bad=1; echo "not ok $n - $name"; fi
}

# Commands and options
"$laneloop" >"$work/out" 2>"$work/err"
check "no command is a usage error" [ $? -eq 2 ]
expect "unknown command" 2 "unknown command 'fly'" "$laneloop" fly
expect "unknown option" 2 "unknown option '--sped'" "$laneloop" serve --sped 3
expect "missing value" 2 "option '--map' needs a value" "$laneloop" serve --map
expect "value that may be left out, but is wrong" 2 "laneloop: --view: a whole number from 0 to 65535 expected, found '80a'" "$laneloop" serve --view 80a
expect "value left out before the next option" 2 "unknown option '--sped'" "$laneloop" serve --view --sped
expect "address of the live page" 1 "live page: 'nowhere': expected an IPv4 address" "$laneloop" serve --port 0 --view 0 --view-bind nowhere
expect "an address for a live page that is not there" 2 "view-bind is of the live page and needs --view" "$laneloop" serve --port 0 --view-bind 127.0.0.1
expect "a rate for a live page that is not there" 2 "view-rate is of the live page and needs --view" "$laneloop" serve --port 0 --view-rate 5
expect "serve: no instruction set of that name" 1 "LANELOOP_ISA.*avx9" env LANELOOP_ISA=avx9 "$laneloop" serve --port 0
for c in serve collect dataset train infer quantize eval drive bench report doctor; do
    "$laneloop" $c --help >"$work/out" 2>"$work/err"
    status=$?
    check "$c --help has an example and exits 0" [ "$status" -eq 0 -a -n "$(grep -E '^ *laneloop|example' "$work/out")" ]
done

# Servers
expect "dead port" 1 '127.0.0.1:1: cannot connect' "$laneloop" collect configs/collect/tiny_train.json --host 127.0.0.1 --port 1 --out "$work/dead"
expect "port without host" 2 "port needs .*host" "$laneloop" drive configs/drive/tiny.json "$work" --port 2000
mkfifo "$work/alive" "$work/ready"
exec 8<>"$work/ready" 9<>"$work/alive"
"$laneloop" serve --map training_loop --port 0 --ready-fd 3 3>"$work/ready" <"$work/alive" 2>"$work/serve.err" 8>&- 9>&- &
server=$!
read -r -t 60 ports <&8
port=$(echo "$ports" | sed -n 's/.*"rpc_port": *\([0-9]*\).*/\1/p')
expect "port in use" 1 "$port.*(in use|Address already)" "$laneloop" serve --map training_loop --port "$port"
exec 9>&-
wait "$server"
check "the server ends when its parent does" [ $? -eq 0 ]
server=
expect "port that is none" 2 "70000" "$laneloop" serve --port 70000
expect "unknown protocol version" 2 '0\.9\.10' "$laneloop" serve --carla-version 0.9.10

# Maps
head -c 20000 configs/maps/training_loop.xodr >"$work/cut.xodr"
echo '<?xml version="1.0"?><OpenDRIVE><header revMajor="1" revMinor="4"/></OpenDRIVE>' >"$work/empty.xodr"
expect "truncated map" 1 '/cut.xodr: cut:[0-9]+: ' "$laneloop" serve --map "$work/cut.xodr" --port 0
expect "map without roads" 1 '/empty.xodr: empty: no <road>' "$laneloop" serve --map "$work/empty.xodr" --port 0
expect "map that is not there" 1 'Town99.*has: country_loop, driving_loop, highway_ring, mountain_road, ' "$laneloop" serve --map Town99 --port 0

# Configurations
printf '{\n  "seed": 1,\n  "sede": 2\n}\n' >"$work/unknown.json"
printf '{\n  "route_m": "far"\n}\n' >"$work/string.json"
printf '{\n  "route_m": 100,\n  "seed": 1,\n  "route_m": 200\n}\n' >"$work/twice.json"
expect "unknown key" 1 'unknown.json:3: unknown key "sede"' "$laneloop" drive "$work/unknown.json" "$work"
expect "string for a number" 1 'string.json:2: "route_m": a number expected, found a string' "$laneloop" drive "$work/string.json" "$work"
expect "duplicate key" 1 'twice.json:4: key "route_m" stands twice, first on line 2' "$laneloop" drive "$work/twice.json" "$work"
expect "train: unknown key" 1 'unknown.json:3: unknown key "sede"' "$laneloop" train "$work/unknown.json" F --out "$work/run"
long=$(printf 'x%.0s' $(seq 5000))
expect "train: a path longer than any" 2 "dataset: longer than 1023 bytes" "$laneloop" train configs/train/lane_tiny.json F --dataset "$long" --out "$work/run"
expect "quantize: unknown key" 1 'unknown.json:3: unknown key "sede"' "$laneloop" quantize "$work/unknown.json" "$work/model"
expect "collect: unknown key" 1 'unknown.json:3: unknown key "sede"' "$laneloop" collect "$work/unknown.json"

# Datasets: recorded small, then broken
"$laneloop" collect configs/collect/tiny_test.json --out "$work/set" >"$work/out" 2>&1
check "a small dataset is collected" [ $? -eq 0 ]
"$laneloop" dataset check "$work/set" >"$work/out" 2>&1
check "and is whole" [ $? -eq 0 ]
cp -r "$work/set" "$work/broken"
first=$(find "$work/broken/rgb" -name '*.png' | sort | head -n 1)
second=$(find "$work/broken/seg" -name '*.png' | sort | sed -n 2p)
rm "$first"
printf 'broken' | dd of="$second" bs=1 seek=60 conv=notrunc 2>/dev/null
"$laneloop" dataset check "$work/broken" >"$work/out" 2>&1
check "dataset check: exit status 1" [ $? -eq 1 ]
check "dataset check names the missing file" grep -q "${first#"$work/broken/"}" "$work/out"
check "dataset check names the corrupt file" grep -q "${second#"$work/broken/"}" "$work/out"
expect "no dataset there" 1 'nowhere' "$laneloop" dataset stats "$work/nowhere"

# Models
"$laneloop" collect configs/collect/tiny_train.json --out "$work/train-set" >"$work/out" 2>&1
"$laneloop" train configs/train/lane_tiny.json F --epochs 1 --dataset "$work/train-set" --out "$work/run" >"$work/out" 2>&1
check "an epoch of training" [ $? -eq 0 ]
cp -r "$work/run/model" "$work/half"
size=$(stat -c %s "$work/half/model.safetensors")
truncate -s $((size / 2)) "$work/half/model.safetensors"
expect "checkpoint cut in half" 1 'half/model.safetensors' "$laneloop" eval "$work/half" "$work/set"
cp -r "$work/run/model" "$work/other"
sed -i 's/"base":[ \t]*8/"base": 12/' "$work/other/state.json"
expect "model of another architecture" 1 'other/' "$laneloop" eval "$work/other" "$work/set"
expect "evaluation on a broken dataset" 1 'broken/' "$laneloop" eval "$work/run/model" "$work/broken"
expect "no model there" 1 'nowhere' "$laneloop" infer "$work/nowhere" "$work/set"

echo "1..$n"
exit $bad
