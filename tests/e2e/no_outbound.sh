#!/usr/bin/env bash
# Proves that the server opens no connection to anywhere.
#
#   tests/e2e/no_outbound.sh [--binary PATH]
#
# The server runs under strace in a network of its own, from its start through loading, fifty
# forecasts, a scrape and an idle while to its end: no connect or send may name an address outside
# loopback, or a name service. Beside it, as the control, runs the same release of ONNX Runtime from
# Python with its telemetry left on: the filter must find what that tries, and the server is watched
# as long. Neither is told ORT_DISABLE_TELEMETRY or CI, which silence the library: the server must do
# that itself. Nothing leaves the machine: that network has no way out.

source "$(dirname "$0")/lib.sh"
parse_arguments "$@"

isolated=(env -i "PATH=$PATH" unshare --net sh -c 'ip link set lo up && exec "$@"' sh)

leave() {
  skip 'no outbound connection' "$1"
  finish
  exit
}
need strace strace || leave 'there is no strace'
need ip iproute2 || leave 'there is no ip'
"${isolated[@]}" strace -qq -o "$SCRATCH/trace" true 2>"$SCRATCH/refused" ||
  leave "$(head -n 1 "$SCRATCH/refused")"

# The calls of a trace that name an address outside loopback, or the port of a name server.
outbound() {
  grep -E '(connect|sendto|sendmsg|sendmmsg)\(' "$1" | grep -E -e 'htons\(53\)' \
    -e 'inet_addr\("([^1]|1[^2]|12[^7])' -e 'inet_pton\(AF_INET6, "([^:]|:[^:]|::[^1]|::1[^"])'
}
some_outbound() { [[ -n $(outbound "$1") ]]; }
# The socket of a name service is asked for users too, so it tells something of the server alone.
nothing_outbound() { ! outbound "$1" && ! grep -E 'sun_path="[^"]*(nscd|resolve)' "$1"; }

# --- Controls

traced=("${isolated[@]}" strace -f -qq -e trace=network)
python=$(training_python)

attempt() {
  "${traced[@]}" -o "$SCRATCH/attempt" "$python" -c "import socket; socket.$1" || true
  some_outbound "$SCRATCH/attempt"
}
refuses() { ! "$@"; }
check 'control: the filter sees a connection by IPv4' attempt 'create_connection(("192.0.2.1", 443))'
check 'control: the filter sees a connection by IPv6' attempt 'create_connection(("2001:db8::1", 443))'
check 'control: the filter sees a name looked up' attempt 'getaddrinfo("almanac.invalid", 443)'
check 'control: the filter passes loopback' refuses attempt 'create_connection(("127.0.0.1", 1))'

cat >"$SCRATCH/control.py" <<'PYTHON'
import sys
import time

import onnxruntime

session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
time.sleep(120)
PYTHON
"${traced[@]}" -o "$SCRATCH/control" \
  "$python" "$SCRATCH/control.py" "$ROOT/models/seasonal/1/model.onnx" &
control=$!
STARTED+=("$control")
control_started=$SECONDS

# --- The server

WRAP=("${traced[@]}" -o "$SCRATCH/server")
start_server
# Who ends strace does not end what it traces.
traced_by() { tr -d ' ' <"/proc/$1/task/$1/children"; }
server=$(traced_by "$SERVER")
STARTED+=("$server" "$(traced_by "$control")")
# What lib.sh asks, it asks from within that network.
curl() {
  nsenter --target "$server" --net curl "$@"
}
eventually 60 is_ready
fifty_forecasts() {
  local body='{"values":[112,118,132,129,121,135,148,148,136,119,104,118],"horizon":3}'
  for _ in $(seq 50); do
    [[ $(status_of /forecast --data "$body") == 200 ]] || return 1
  done
  [[ $(status_of /metrics) == 200 ]]
}
check 'fifty forecasts and a scrape' fifty_forecasts
check 'control: the library tries to connect when nobody silences it' \
  eventually 90 some_outbound "$SCRATCH/control"
echo "the control tried after $((SECONDS - control_started)) s; the server is watched 5 s longer"
sleep 5
kill -TERM "$server"
check 'the server ends cleanly' wait "$SERVER"
check 'the trace holds the server' grep -q 'listen(' "$SCRATCH/server"
check 'the server tried no connection and looked up no name' nothing_outbound "$SCRATCH/server"
finish
