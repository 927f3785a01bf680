#!/usr/bin/env bash
# Verifies that the server opens no outbound connection.
#
#   tests/e2e/no_outbound.sh [--binary PATH]
#
# The server runs under strace in a separate network, from its start through loading, fifty forecasts, a
# scrape and an idle period to its end: no connect or send may name an address outside loopback, or a name
# service. As a control, the same release of ONNX Runtime runs from Python at the same time, with its
# telemetry enabled: the filter must detect its attempts, and the server is traced for as long. Neither
# receives ORT_DISABLE_TELEMETRY or CI, which disable the telemetry: the server must do that itself. Nothing
# leaves the machine, because that network has no route to the outside.

source "$(dirname "$0")/lib.sh"
parse_arguments "$@"

isolated=(env -i "PATH=$PATH" unshare --net sh -c 'ip link set lo up && exec "$@"' sh)

leave() {
  skip 'no outbound connections' "$1"
  finish
  exit
}
need strace strace || leave 'there is no strace'
need ip iproute2 || leave 'there is no ip'
"${isolated[@]}" strace -qq -o "$SCRATCH/trace" true 2>"$SCRATCH/refused" ||
  leave "$(head -n 1 "$SCRATCH/refused")"

# Prints the calls of a trace that name an address outside loopback, or the port of a name server.
outbound() {
  grep -E '(connect|sendto|sendmsg|sendmmsg)\(' "$1" | grep -E -e 'htons\(53\)' \
    -e 'inet_addr\("([^1]|1[^2]|12[^7])' -e 'inet_pton\(AF_INET6, "([^:]|:[^:]|::[^1]|::1[^"])'
}
some_outbound() { [[ -n $(outbound "$1") ]]; }
# Other programs use the socket of a name service to look up users, so only the server is checked for it.
nothing_outbound() { ! outbound "$1" && ! grep -E 'sun_path="[^"]*(nscd|resolve)' "$1"; }

# --- Controls

traced=("${isolated[@]}" strace -f -qq -e trace=network)
python=$(training_python)

attempt() {
  "${traced[@]}" -o "$SCRATCH/attempt" "$python" -c "import socket; socket.$1" || true
  some_outbound "$SCRATCH/attempt"
}
refuses() { ! "$@"; }
check 'control: the filter detects a connection over IPv4' attempt 'create_connection(("192.0.2.1", 443))'
check 'control: the filter detects a connection over IPv6' attempt 'create_connection(("2001:db8::1", 443))'
check 'control: the filter detects a name lookup' attempt 'getaddrinfo("almanac.invalid", 443)'
check 'control: the filter ignores loopback' refuses attempt 'create_connection(("127.0.0.1", 1))'

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
# Ending strace does not end the traced process.
traced_by() { tr -d ' ' <"/proc/$1/task/$1/children"; }
server=$(traced_by "$SERVER")
STARTED+=("$server" "$(traced_by "$control")")
# lib.sh sends its requests from within that network.
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
check 'control: the library tries to connect unless telemetry is disabled' \
  eventually 90 some_outbound "$SCRATCH/control"
echo "the control tried after $((SECONDS - control_started)) s; the server is traced for 5 s more"
sleep 5
kill -TERM "$server"
check 'the server exits with 0' wait "$SERVER"
check 'the trace contains the server' grep -q 'listen(' "$SCRATCH/server"
check 'the server tried no connection and no name lookup' nothing_outbound "$SCRATCH/server"
finish
