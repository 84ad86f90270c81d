#!/usr/bin/env bash
# OpenMP's waiting threads must sleep where a simulator shares the cores: the setting is read back from the running processes. TAP.
set -u
laneloop=${LANELOOP:-build/release/laneloop}
work=$(mktemp -d)
trap 'exec 9>&-; rm -rf "$work"' EXIT
unset OMP_WAIT_POLICY
mkfifo "$work/alive" "$work/ready"
exec 8<>"$work/ready" 9<>"$work/alive"
"$laneloop" serve --map training_loop --port 0 --ready-fd 3 3>"$work/ready" <"$work/alive" 2>/dev/null 8>&- 9>&- &
server=$!
read -r -t 60 _ <&8
if tr '\0' '\n' <"/proc/$server/environ" | grep -qx 'OMP_WAIT_POLICY=passive'; then
    echo "ok 1 - serve waits passively"
else
    echo "not ok 1 - serve waits passively"
fi
exec 9>&-
wait "$server"
# What the user chose stays.
mkfifo "$work/alive2"
exec 9<>"$work/alive2"
OMP_WAIT_POLICY=active "$laneloop" serve --map training_loop --port 0 --ready-fd 3 3>"$work/ready" <"$work/alive2" 2>/dev/null 8>&- 9>&- &
server=$!
read -r -t 60 _ <&8
if tr '\0' '\n' <"/proc/$server/environ" | grep -qx 'OMP_WAIT_POLICY=active'; then
    echo "ok 2 - a policy that is set stays"
else
    echo "not ok 2 - a policy that is set stays"
fi
exec 9>&-
wait "$server"
echo "1..2"
