#!/usr/bin/env bash
# laneloop bench net: rows and profiles parse, times of the nodes add up to the round, turns are taken through stdin, a written network gives
# the same numbers again, wrong arguments are refused with one line.
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
# number FILE KEY: of the last line that has it
number() { grep -o "\"$2\":-\?[0-9.]*" "$1" | tail -n 1 | cut -d: -f2; }
holds() { awk "BEGIN { exit !($1) }"; }

small=(--base 4 --size 32x48 --threads 2)
for mode in train forward int8; do
    "$laneloop" bench net --mode $mode "${small[@]}" --seconds 0.05 --batch 3 --profile --trace "$work/trace" --roofline "$work/$mode.svg" --json >"$work/$mode" 2>"$work/err"
    check "$mode: measured" [ $? -eq 0 ]
    check "$mode: every line is an object" [ -z "$(grep -vE '^\{"[a-z_]+":.*[^,]\}$' "$work/$mode")" ]
    for key in net variant base depth h w batch mode precision isa threads rounds ms ms_min ms_max images_per_s gflop peak_gflops peak_pct plan_mib \
        peak_rss_mib cpu; do
        check "$mode: key $key" bash -c "tail -n 1 '$work/$mode' | grep -q '\"$key\":'"
    done
    # The nodes of the fastest round lie inside it; between them only the loop itself runs. 10 % for a thread that is interrupted there; on a busy machine
    # even the fastest of a few rounds may be interrupted for longer, so there are more goes with more rounds.
    add_up=false
    for seconds in 0.05 0.2 0.5 1 2 4; do
        [ $seconds = 0.05 ] ||
            "$laneloop" bench net --mode $mode "${small[@]}" --seconds $seconds --batch 3 --profile --json >"$work/$mode" 2>"$work/err"
        sum=$(grep '"node":' "$work/$mode" | grep -o '"ms":[0-9.]*' | cut -d: -f2 | awk '{ s += $1 } END { print s }')
        whole=$(number "$work/$mode" ms_min)
        holds "$sum <= $whole * 1.001 + 0.01 && $sum >= 0.9 * $whole" && add_up=true && break
    done
    check "$mode: nodes ($sum ms) add up to the round ($whole ms)" $add_up
    check "$mode: every node's least is at most its time" bash -c "! grep '\"node\":' '$work/$mode' |
        sed 's/.*\"ms\":\([0-9.]*\),\"ms_min\":\([0-9.]*\).*/\1 \2/' | awk '\$2 > \$1' | grep -q ."
    check "$mode: the head is one of them" has "$work/$mode" '"node":"head","op":"conv2d","work":"forward"'
    check "$mode: the trace begins as Chrome wants it" has "$work/trace" '^{"traceEvents":\['
    check "$mode: the roofline is a picture" bash -c "head -c 200 '$work/$mode.svg' | grep -q '<svg' && tail -c 20 '$work/$mode.svg' | grep -q '</svg>'"
    check "$mode: and has an event per node" holds "$(grep -c '"ph":"X"' "$work/trace") >= $(grep -c '"node":' "$work/$mode")"
done
# U-Net `same`, base 4, 32 x 48: multiply-adds by hand. A level of c channels at p pixels: two 3x3 in the encoder, two and a 2x2 in the decoder.
flops=$(awk 'BEGIN { p = 32 * 48; for (l = 0; l < 5; l++) { c = 4 * 2 ^ l; i = l ? c / 2 : 3; m += 9 * p * c * (i + c);
    if (l < 4) m += p * c * 2 * c + 9 * p * c * (2 * c + c); p /= 4 } m += 32 * 48 * 4 * 3; printf "%.4f", 2 * 3 * m * 1e-9 }')
check "the nominal work of a batch is counted ($flops)" holds "$(number "$work/forward" gflop) == $flops && $(number "$work/int8" gflop) == $flops"
first=$(awk 'BEGIN { printf "%.4f", 2 * 3 * 32 * 48 * 27 * 4 * 1e-9 }') # no gradient of the image
check "a step does it three times, but for the image" holds "($(number "$work/train" gflop) - 3 * $flops + $first) ^ 2 < 1e-7"
check "a pooling that its BatchNorm does has no time of its own" bash -c "! grep -q '\"op\":\"maxpool\"' '$work/train'"
check "training has all kinds of work" [ "$(grep -cE '"work":"(pack|backward weights|backward data|loss|adam)"' "$work/train")" -gt 20 ]

# In turns: as many times as were asked for, the loss falls on the same images again and again.
printf '2\n30\n' | "$laneloop" bench net --mode train --base 4 --size 32x48 --rounds-from-stdin --json >"$work/turns" 2>"$work/err"
check "rounds from stdin" [ $? -eq 0 ]
check "it says when it is ready" bash -c "head -n 1 '$work/turns' | grep -q '\"ready\":true'"
check "two times, then thirty" [ "$(sed -n '2,3s/.*\[\(.*\)\].*/\1/p' "$work/turns" | awk -F, '{ print NF }' | tr '\n' ' ')" = "2 30 " ]
check "it learns" holds "$(sed -n 3p "$work/turns" | grep -o '"loss":[0-9.]*' | cut -d: -f2) < $(sed -n 1p "$work/turns" | grep -o '"loss":[0-9.]*' | cut -d: -f2)"
check "and prints the row at the end" bash -c "tail -n 1 '$work/turns' | grep -q '\"rounds\":32,'"
printf 'some\n' | "$laneloop" bench net --base 4 --size 32x48 --rounds-from-stdin >"$work/out" 2>"$work/err"
check "a line that is no number ends it" [ $? -eq 1 ]
check "with one error" has "$work/err" "found 'some'"

# Winograd computes the same in another way: other bits, the same loss to four digits.
loss() { "$laneloop" bench net --mode train --base 32 --size 64x96 --rounds-from-stdin "$@" <<<1 | head -n 1 | grep -o '"loss":[0-9.]*' | cut -d: -f2; }
direct=$(loss --winograd off) fast=$(loss --winograd f4)
check "the algorithm can be chosen ($direct, $fast)" holds "\"$direct\" != \"$fast\" && ($direct - $fast) ^ 2 < 1e-8"
# Rounded factors: 8 digits of 24, so the loss agrees to two or three.
rounded=$(loss --precision bf16)
check "the precision can be chosen ($direct, $rounded)" holds "($direct - $rounded) ^ 2 > 1e-14 && ($direct - $rounded) ^ 2 < 1e-4"

# A memory limit: kept to, the same losses.
mib() { echo "$1" | grep -o '"plan_mib":[0-9.]*' | cut -d: -f2; }
losses() { grep -o '"loss":[0-9.]*' <<<"$1" | tr '\n' ' '; }
free_run=$("$laneloop" bench net --base 8 --size 64x96 --batch 4 --rounds-from-stdin --json <<<4)
limit=$(awk "BEGIN { printf \"%d\", 0.8 * $(mib "$free_run") }")
limited=$("$laneloop" bench net --base 8 --size 64x96 --batch 4 --memory-limit "$limit" --rounds-from-stdin --json <<<4)
check "a limit of $limit MiB is kept to" holds "$(mib "$limited") <= $limit"
check "with the same losses" [ "$(losses "$free_run")" = "$(losses "$limited")" ]
"$laneloop" bench net --base 8 --size 64x96 --batch 4 --memory-limit 1 >"$work/out" 2>"$work/err"
check "a limit that is too low is an error" [ $? -eq 1 ]
check "that says what would do" has "$work/err" "at least [0-9]* MiB"

# Written, read again: the same logits.
"$laneloop" bench net --mode forward "${small[@]}" --seconds 0.05 --write "$work/net" >"$work/out" 2>"$work/err"
check "the network is written" [ -s "$work/net/model.safetensors" -a -s "$work/net/round.safetensors" ]
"$laneloop" bench net --mode forward --weights "$work/net" --seconds 0.01 --threads 1 --write "$work/again" >"$work/out" 2>"$work/err"
check "and gives the same logits again" cmp -s "$work/net/round.safetensors" "$work/again/round.safetensors"
"$laneloop" bench net --mode int8 --weights "$work/net" --seconds 0.01 --write "$work/quantised" >"$work/out" 2>"$work/err"
check "it can be quantised" [ -s "$work/quantised/int8.safetensors" ]
"$laneloop" bench net --mode int8 --weights "$work/quantised" --seconds 0.01 --threads 1 --write "$work/quantised-again" >"$work/out" 2>"$work/err"
check "and that gives the same bytes in every layer" cmp -s "$work/quantised/round.safetensors" "$work/quantised-again/round.safetensors"
check "layers are there" has "$work/quantised/round.safetensors" '"layer.decoder.3.conv2"'

refused() { # TEXT ARGUMENTS...
    local text=$1
    shift
    "$laneloop" bench net "$@" >"$work/out" 2>"$work/err" </dev/null
    check "refused: $*" [ $? -eq 2 ]
    check "and says why, once: $text" bash -c "grep -q -- \"$text\" '$work/err' && [ \$(grep -c '^laneloop: ' '$work/err') -eq 1 ]"
}
refused "found 'bf17'" --mode bf17
refused "found 'vgg'" --net vgg
refused "found '256'" --size 256
refused "found '8x8'" --size 8x8
refused "found '0'" --batch 0
refused "found '999'" --base 999
refused "not with --weights" --base 8 --weights "$work/net"
refused "not with --rounds-from-stdin" --seconds 1 --rounds-from-stdin
refused "avx9" --isa avx9
refused "found 'f8'" --winograd f8
refused "not with --mode int8" --mode int8 --winograd off
refused "only with --mode train" --mode forward --memory-limit 100
refused "not with --mode int8" --mode int8 --precision bf16
refused "found 'f16'" --precision f16
refused "unknown option" --bsae 8
"$laneloop" bench net --weights "$work/nowhere" >"$work/out" 2>"$work/err"
check "a missing model is an error" [ $? -eq 1 ]
check "that names it" has "$work/err" "nowhere"
exit $bad
