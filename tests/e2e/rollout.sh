#!/usr/bin/env bash
# Restarts servers one by one behind a proxy that behaves as an AWS load balancer does, under load.
#
#   tests/e2e/rollout.sh [--binary PATH] [--slow]
#
# HAProxy asks /readyz, sends nothing more to a target that fails it, reuses connections to targets
# and repeats no request. Twenty rolling restarts of two servers lose no request of a constant load,
# and a connection that was idle for 65 s, longer than a load balancer keeps one, is still good.
# --slow makes it sixty restarts.

source "$(dirname "$0")/lib.sh"
parse_arguments "$@"

RESTARTS=20
[[ $SLOW == false ]] || RESTARTS=60

if ! need haproxy haproxy; then
  skip 'rolling restarts' 'haproxy cannot be installed without root and apt-get'
  finish
  exit
fi

# An ECS service with a health check each second: not ready is seen after one failure, and what comes
# in the meantime is still served, for the drain delay is longer.
PORTS=("$(free_port)" "$(free_port)" "$(free_port)")
PROXY=$(free_port)
PIDS=(0 0 0)
cat >"$SCRATCH/haproxy.cfg" <<CFG
global
    stats socket $SCRATCH/haproxy.sock mode 600
defaults
    mode http
    timeout connect 5s
    timeout client 180s
    timeout server 60s
    timeout http-keep-alive 180s
    retries 0
    http-reuse always
    option httpchk GET /readyz
    http-check expect status 200
    default-server check inter 500ms fall 1 rise 1 pool-purge-delay 180s
frontend clients
    bind 127.0.0.1:$PROXY
    use_backend kept if { path_beg /idle }
    default_backend targets
backend targets
    server a 127.0.0.1:${PORTS[0]}
    server b 127.0.0.1:${PORTS[1]}
backend kept
    http-request replace-path /idle(.*) \1
    server c 127.0.0.1:${PORTS[2]}
CFG

# start_target INDEX: starts the server at its port and waits until the proxy sends to it.
start_target() {
  local idx=$1 name=abc
  LISTEN=127.0.0.1:${PORTS[idx]}
  start_ready_server --drain-delay 2s --drain-deadline 20s
  PIDS[idx]=$SERVER
  eventually 20 is_up "${name:idx:1}"
}

is_up() {
  python3 - "$SCRATCH/haproxy.sock" "$1" <<'PY'
import socket
import sys

with socket.socket(socket.AF_UNIX) as asked:
    asked.connect(sys.argv[1])
    asked.sendall(b"show stat\n")
    told = b"".join(iter(lambda: asked.recv(65536), b"")).decode()
rows = [line.split(",") for line in told.splitlines() if line]
status = rows[0].index("status")
sys.exit(not any(row[1] == sys.argv[2] and row[status].startswith("UP") for row in rows[1:]))
PY
}

restart_all() {
  local restart idx status
  for ((restart = 0; restart < RESTARTS; restart++)); do
    idx=$((restart % 2))
    kill -TERM "${PIDS[idx]}"
    status=0
    wait "${PIDS[idx]}" || status=$?
    ((status == 0)) || { echo "a server ended with $status" && return 1; }
    start_target "$idx" || return 1
  done
}

haproxy -db -f "$SCRATCH/haproxy.cfg" >"$SCRATCH/haproxy.log" 2>&1 &
STARTED+=($!)
for idx in 0 1 2; do start_target "$idx"; done

python3 "$E2E/rollout_load.py" --address "127.0.0.1:$PROXY" --until "$SCRATCH/done" >"$SCRATCH/load" 2>&1 &
LOAD=$!
STARTED+=("$LOAD")
python3 "$E2E/rollout_idle.py" --address "127.0.0.1:$PROXY" --path /idle/forecast --seconds 65 >"$SCRATCH/idle" 2>&1 &
IDLE=$!
STARTED+=("$IDLE")

began=$SECONDS
check "$RESTARTS rolling restarts, each server ends with 0 and comes back" restart_all
echo "$((SECONDS - began)) s"
touch "$SCRATCH/done"
check '... and no request of a constant load failed' wait "$LOAD"
cat "$SCRATCH/load"
check 'a connection that was idle for 65 s is still good' wait "$IDLE"
cat "$SCRATCH/idle"

finish
