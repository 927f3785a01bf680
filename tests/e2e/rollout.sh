#!/usr/bin/env bash
# Verifies rolling restarts under load, behind a proxy that behaves like an AWS load balancer.
#
#   tests/e2e/rollout.sh [--binary PATH] [--slow]
#
# HAProxy polls /readyz, sends no more requests to a target that fails it, reuses connections to targets and
# retries no request. Twenty rolling restarts of two servers lose no request of a constant load, and a
# connection is still served after it was idle for 65 s, which is longer than a load balancer keeps one.
# --slow runs sixty restarts.

source "$(dirname "$0")/lib.sh"
parse_arguments "$@"

RESTARTS=20
[[ $SLOW == false ]] || RESTARTS=60

if ! need haproxy haproxy; then
  skip 'rolling restarts' 'haproxy cannot be installed without root and apt-get'
  finish
  exit
fi

# Like an ECS service with frequent health checks: a target is removed after one failure, and requests until
# then are still served because the drain delay is longer.
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
    use_backend idle if { path_beg /idle }
    default_backend targets
backend targets
    server a 127.0.0.1:${PORTS[0]}
    server b 127.0.0.1:${PORTS[1]}
backend idle
    http-request replace-path /idle(.*) \1
    server c 127.0.0.1:${PORTS[2]}
CFG

# start_target INDEX: starts the server on its port and waits until the proxy sends requests to it.
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

with socket.socket(socket.AF_UNIX) as connection:
    connection.connect(sys.argv[1])
    connection.sendall(b"show stat\n")
    table = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
rows = [line.split(",") for line in table.splitlines() if line]
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
check "$RESTARTS rolling restarts: each server exits with 0 and becomes ready again" restart_all
echo "$((SECONDS - began)) s"
touch "$SCRATCH/done"
check '... and no request of a constant load failed' wait "$LOAD"
cat "$SCRATCH/load"
check 'a connection is still served after it was idle for 65 s' wait "$IDLE"
cat "$SCRATCH/idle"

finish
