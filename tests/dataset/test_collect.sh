#!/usr/bin/env bash
# collect against the real embedded simulator, over TCP: the same bytes twice, after kill -9 in each episode, after Ctrl-C, and from
# a server that was started apart. Prints TAP.
set -u
laneloop=${LANELOOP:-build/release/laneloop}
tmp=$(mktemp -d)
server=
trap '[ -n "$server" ] && kill "$server" 2>/dev/null; rm -rf "$tmp"' EXIT
head='{"seed": 11, "warmup_ticks": 5, "keep_metres": 1,
 "cameras": [{"name": "front", "width_px": 64, "height_px": 32, "depth": true}],
 "episodes": [{"map": "configs/maps/training_loop.xodr", "episodes": 2, "frames": 18, "weathers": ["ClearNoon", "WetSunset"],
               "sun_azimuth_spread_deg": 90, "perturbation": {"wander_m": 0.5, "impulse_m": 0.5, "impulse_every_s": 3}}'
echo "$head, {\"map\": \"configs/maps/driving_loop.xodr\", \"split\": \"test\", \"frames\": 12, \"towns\": [7], \"vehicles\": 40}]}" >"$tmp/c.json"
echo "$head]}" >"$tmp/one.json"
tests=0
result() { # status, name, detail
    tests=$((tests + 1))
    if [ "$1" -eq 0 ]; then echo "ok $tests - $2"; else echo "not ok $tests - $2"; [ -f "${3:-}" ] && sed 's/^/# /' "$3"; fi
}

"$laneloop" collect "$tmp/c.json" --out "$tmp/a" >"$tmp/log" 2>&1
result $? "collect records the configuration" "$tmp/log"
lines=$(cat "$tmp"/a/episodes/*.jsonl 2>/dev/null | wc -l)
[ "$lines" -eq 48 ]; result $? "48 frames are there ($lines)"
"$laneloop" dataset check "$tmp/a" >"$tmp/log" 2>&1
result $? "dataset check finds nothing" "$tmp/log"

"$laneloop" collect "$tmp/c.json" --out "$tmp/b" >"$tmp/log" 2>&1 && diff -r "$tmp/a" "$tmp/b" >>"$tmp/log" 2>&1
result $? "a second run gives the same bytes" "$tmp/log"

# killed once within each episode, at a moment that differs from run to run, then completed
for episode in 000000 000001 000002; do
    "$laneloop" collect "$tmp/c.json" --out "$tmp/k" >/dev/null 2>&1 &
    pid=$!
    for _ in $(seq 400); do [ -s "$tmp/k/episodes/$episode.jsonl.open" ] && break; sleep 0.02; done
    sleep "0.0$((RANDOM % 9))"
    kill -9 $pid 2>/dev/null
    wait $pid 2>/dev/null
done
"$laneloop" collect "$tmp/c.json" --out "$tmp/k" >"$tmp/log" 2>&1 && diff -r "$tmp/a" "$tmp/k" >>"$tmp/log" 2>&1
result $? "killed and resumed gives the same bytes" "$tmp/log"

# interrupted in the middle of an episode: wait for the first lines of any
"$laneloop" collect "$tmp/c.json" --out "$tmp/i" >"$tmp/log" 2>&1 &
pid=$!
for _ in $(seq 500); do [ -n "$(find "$tmp/i/episodes" -name '*.open' -size +0 2>/dev/null)" ] && break; sleep 0.02; done
kill -INT $pid
wait $pid
[ $? -eq 1 ] && grep -q "stopped; the same command goes on from here" "$tmp/log"
result $? "Ctrl-C stops with status 1 and says how to go on" "$tmp/log"
"$laneloop" collect "$tmp/c.json" --out "$tmp/i" >"$tmp/log" 2>&1 && diff -r "$tmp/a" "$tmp/i" >>"$tmp/log" 2>&1
result $? "interrupted and resumed gives the same bytes" "$tmp/log"

# a server of its own, found by --host and --port
mkfifo "$tmp/alive"
"$laneloop" serve --seed 11 --map configs/maps/training_loop.xodr --port 0 --ready-fd 3 <"$tmp/alive" 3>"$tmp/ready" >/dev/null 2>"$tmp/serve.log" &
server=$!
exec 9>"$tmp/alive"
for _ in $(seq 200); do [ -s "$tmp/ready" ] && break; sleep 0.05; done
port=$(sed -n 's/.*"rpc_port": *\([0-9]*\).*/\1/p' "$tmp/ready")
"$laneloop" collect "$tmp/one.json" --host 127.0.0.1 --port "${port:-1}" --out "$tmp/h" >"$tmp/log" 2>&1 &&
    diff -r "$tmp/a/rgb/train" "$tmp/h/rgb/train" >>"$tmp/log" 2>&1 && diff -r "$tmp/a/seg/train" "$tmp/h/seg/train" >>"$tmp/log" 2>&1
result $? "an outside server gives the same images" "$tmp/log"
exec 9>&-

# another town around the same road, and colour without shadows: other pictures from the same places
small='{"seed": 5, "warmup_ticks": 5, "cameras": [{"name": "front", "width_px": 64, "height_px": 32}],
 "quality": 2, "episodes": [{"map": "configs/maps/driving_loop.xodr", "frames": 4, "towns": [7], "vehicles": 0}]}'
echo "$small" >"$tmp/s7.json"
sed 's/"towns": .7./"towns": [8]/' "$tmp/s7.json" >"$tmp/s8.json"
sed 's/"quality": 2/"quality": 0/' "$tmp/s7.json" >"$tmp/s0.json"
sed 's/"vehicles": 0/"vehicles": 60/' "$tmp/s7.json" >"$tmp/sv.json"
for s in s7 s8 s0 sv; do "$laneloop" collect "$tmp/$s.json" --out "$tmp/$s" >>"$tmp/log" 2>&1; done
poses() { sed 's/.*"pose"/"pose"/; s/"files".*//' "$1"/episodes/000000.jsonl; }
[ "$(poses "$tmp/s7")" = "$(poses "$tmp/s8")" ] && ! diff -rq "$tmp/s7/seg" "$tmp/s8/seg" >/dev/null
result $? "another town stands around the same road" "$tmp/log"
diff -rq "$tmp/s7/seg" "$tmp/s0/seg" >/dev/null && ! diff -rq "$tmp/s7/rgb" "$tmp/s0/rgb" >/dev/null
result $? "plain colour changes pictures and no label" "$tmp/log"
vehicles() { "$laneloop" dataset stats "$1" --json | grep -qE '"(Car|Truck|Bus|Motorcycle|Bicycle)":'; }
vehicles "$tmp/sv" && ! vehicles "$tmp/s7" &&
    [ "$(poses "$tmp/s7")" = "$(poses "$tmp/sv")" ]
result $? "standing vehicles are in the pictures and not in the way" "$tmp/log"

sed 's/"seed": 11/"seed": 12/' "$tmp/c.json" >"$tmp/other.json"
"$laneloop" collect "$tmp/other.json" --out "$tmp/a" >"$tmp/log" 2>&1
[ $? -eq 1 ] && grep -q "recorded with another configuration" "$tmp/log"
result $? "another seed in the same folder is refused" "$tmp/log"
"$laneloop" collect "$tmp/c.json" --host 127.0.0.1 --port 1 --out "$tmp/d" >"$tmp/log" 2>&1
[ $? -eq 1 ] && [ "$(wc -l <"$tmp/log")" -eq 1 ]
result $? "a dead port is one clear line" "$tmp/log"
echo "1..$tests"
