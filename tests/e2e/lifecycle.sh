#!/usr/bin/env bash
# Verifies how the server starts, reports its health, rejects an invalid configuration, and ends.
#
#   tests/e2e/lifecycle.sh [--binary PATH] [--slow]
#
# The port is bound before models are loaded, and the health endpoints report it; on SIGTERM the server is
# not ready immediately and loses no request; a second signal ends the process; an invalid setting is
# reported in one line with exit status 64; a missing runtime library is reported with both fixes; the
# server runs without HOME, without root and on a read-only root file system. --slow adds a connection that
# is idle for longer than the 60 s of a load balancer.

source "$(dirname "$0")/lib.sh"
parse_arguments "$@"

BODY='{"values":[112,118,132,129,121,135,148,148,136,119,104,118],"horizon":3}'

answers() { [[ $(status_of "$1" "${@:3}") == "$2" ]]; }
exits() { [[ $(exit_status "${@:2}") == "$1" ]]; }
body_has() { grep -q "$1" "$SCRATCH/body"; }

# Runs a command and prints its exit status; its standard error goes to $SCRATCH/stderr.
exit_status() {
  local status=0
  timeout 20 "$@" >/dev/null 2>"$SCRATCH/stderr" || status=$?
  printf '%d' "$status"
}

# reports_one_line STATUS PATTERN COMMAND...: succeeds if the command ends with STATUS and prints one line
# that matches PATTERN.
reports_one_line() {
  local status=$1 pattern=$2 ended
  shift 2
  ended=$(exit_status "$@")
  cat "$SCRATCH/stderr"
  echo "exit status $ended"
  [[ $ended == "$status" && $(wc -l <"$SCRATCH/stderr") == 1 ]] && grep -q -- "$pattern" "$SCRATCH/stderr"
}

# --- Start

start=$(date +%s%N)
start_ready_server
echo "ready $((($(date +%s%N) - start) / 1000000)) ms after the start, polled every 20 ms"
check 'a ready server forecasts' answers /forecast 200 --data "$BODY"
check 'healthcheck succeeds on a ready server' exits 0 "$BINARY" healthcheck --listen "$ADDRESS"
check 'an idle server exits with 0 on SIGTERM' stop_server
check 'healthcheck fails without a server' exits 1 "$BINARY" healthcheck --listen "$ADDRESS"

# Twenty models take long enough to load that requests arrive before the server has started.
for index in $(seq 11 30); do
  bundle=$SCRATCH/models/m$index/1
  mkdir -p "$bundle"
  cp "$ROOT"/models/seasonal/1/{model.onnx,golden.json} "$bundle"
  sed "1,/^version/s/^name = .*/name = \"m$index\"/" "$ROOT/models/seasonal/1/manifest.toml" >"$bundle/manifest.toml"
done
start_server --models "$SCRATCH/models" --default-model m30
check 'the server is ready once its default model is' eventually 60 is_ready
check '... but not started, because other models are still loading' answers /startupz 503
check '... and a request to one of them is answered with 503' \
  answers /forecast 503 --data "${BODY/\{/\{\"model\":\"m29\",}"
check '... and a stable code' body_has '"code":"model_loading"'
check '... and the default model serves' answers /forecast 200 --data "$BODY"
check 'the server is started once all models are loaded' eventually 120 answers /startupz 200
check '... and the other models serve' \
  answers /forecast 200 --data "${BODY/\{/\{\"model\":\"m29\",}"
stop_server || true
start_server --models "$SCRATCH/models" --default-model m31
check 'a server without its default model is not ready' answers /readyz 503
check '... with the reason' body_has m31
check '... but alive' answers /healthz 200
check '... and healthcheck fails' exits 1 "$BINARY" healthcheck --listen "$ADDRESS"
stop_server || true
# The signal arrives at different moments of the startup.
ends_while_loading() {
  local delay
  for delay in 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9; do
    start_server --models "$SCRATCH/models" --drain-delay 0s || return 1
    sleep "$delay"
    stop_server || { echo "exit status $? after SIGTERM $delay s after the start" && return 1; }
  done
}
check 'SIGTERM while models are loading: exit status 0, eight times' ends_while_loading

# --- End

start_ready_server --drain-delay 3s --drain-deadline 20s
check 'SIGTERM under load: not ready immediately, and no request is lost' \
  python3 "$E2E/drain_load.py" --address "$ADDRESS" --pid "$SERVER"
cat "$SCRATCH/check"
check '... and exit status 0' wait "$SERVER"

start_ready_server --drain-delay 20s --drain-deadline 40s
# A request whose body never ends.
exec {request}<>"/dev/tcp/${ADDRESS/:/\/}"
printf 'POST /forecast HTTP/1.1\r\nhost: almanac\r\ncontent-length: 100\r\n\r\n{' >&"$request"
check 'a request is in flight' eventually 5 \
  bash -c "curl -s $URL/metrics | grep -q '^almanac_http_requests_in_flight 2'"
kill -TERM "$SERVER"
check 'the first signal makes the server not ready' eventually 2 answers /readyz 503
check '... but it still serves' answers /forecast 200 --data "$BODY"
kill -TERM "$SERVER"
ended_with_failure() {
  local status=0
  timeout 5 tail --pid="$SERVER" -f /dev/null || return 1
  wait "$SERVER" || status=$?
  echo "exit status $status"
  [[ $status == 1 ]] && grep 'requests aborted at the drain deadline: 1' "$LOG"
}
check 'a second signal ends the process immediately and the cut-off requests are logged' ended_with_failure
exec {request}>&-

# --- Configuration

serve=("$BINARY" serve --listen 127.0.0.1:0)
printf '[server]\nport = 80\n' >"$SCRATCH/unknown.toml"
printf '[limits]\nmax_series = 0\n' >"$SCRATCH/senseless.toml"
printf '[limits\n' >"$SCRATCH/broken.toml"
check 'an unknown key: one line, exit status 64' \
  reports_one_line 64 'unknown field .port.' "${serve[@]}" --config "$SCRATCH/unknown.toml"
check 'an invalid value: one line, exit status 64' \
  reports_one_line 64 'limits.max_series is 0' "${serve[@]}" --config "$SCRATCH/senseless.toml"
check 'a file that is not TOML: one line, exit status 64' \
  reports_one_line 64 'line 1' "${serve[@]}" --config "$SCRATCH/broken.toml"
check 'a missing file: one line, exit status 64' \
  reports_one_line 64 'No such file' "${serve[@]}" --config "$SCRATCH/absent.toml"
check 'an unknown ALMANAC_ variable: one line, exit status 64' \
  reports_one_line 64 'did you mean ALMANAC_MAX_SERIES' env ALMANAC_MAX_SERIE=1 "${serve[@]}"
check 'a variable with an invalid value: one line, exit status 64' \
  reports_one_line 64 'idle.timeout' env ALMANAC_IDLE_TIMEOUT=soon "${serve[@]}"
check 'an invalid log level: one line, exit status 64' \
  reports_one_line 64 'log level' "${serve[@]}" --log-level 'a=b=c'
start_ready_server
check 'a port in use: one line, exit status 1' \
  reports_one_line 1 "cannot listen on $ADDRESS" "$BINARY" serve --listen "$ADDRESS"
stop_server || true

# --- Environment

missing_library() {
  local status
  status=$(exit_status env ORT_DYLIB_PATH=/nonexistent "${serve[@]}")
  cat "$SCRATCH/stderr"
  echo "exit status $status"
  [[ $status == 1 && $(grep -c '^almanac: ' "$SCRATCH/stderr") == 1 ]] &&
    grep '^almanac: ' "$SCRATCH/stderr" | grep 'ORT_DYLIB_PATH' | grep 'pip'
}
check 'a missing runtime library is reported once, with both fixes' missing_library

# The program and the library are in one folder, like in an image, and readable by another user.
start_ready_server --log-level debug
library=$(sed -n 's/.*"library":"\([^"]*\)".*/\1/p' "$LOG")
stop_server || true
mkdir "$SCRATCH/image"
cp "$BINARY" "$library" "$SCRATCH/image"
chmod 755 "$SCRATCH" "$SCRATCH/image"
readonly_root=(unshare --mount sh -c 'mount -o remount,bind,ro / && exec "$@"' sh)
other_user=(setpriv --reuid 65534 --regid 65534 --clear-groups)
if "${readonly_root[@]}" "${other_user[@]}" true 2>"$SCRATCH/refused"; then
  WRAP=(env -i "PATH=$PATH" "${readonly_root[@]}" "${other_user[@]}")
  BINARY=$SCRATCH/image/almanac start_ready_server
  WRAP=()
  check 'the server forecasts with a read-only root, without HOME, as an unprivileged user' answers /forecast 200 --data "$BODY"
  check '... and exits with 0' stop_server
else
  skip 'a read-only root, no HOME, an unprivileged user' "$(head -n 1 "$SCRATCH/refused")"
fi

# --- Idle connections

if $SLOW; then
  start_ready_server
  check 'a connection is still served after it was idle for 65 s' python3 - "$ADDRESS" <<'PYTHON'
import http.client, sys, time
connection = http.client.HTTPConnection(sys.argv[1])
connection.auto_open = False
connection.connect()
for pause in (65, 0):
    connection.request("GET", "/healthz")
    answer = connection.getresponse()
    assert answer.status == 200 and answer.read(), answer.status
    time.sleep(pause)
PYTHON
  stop_server || true
else
  skip 'a connection is still served after it was idle for 65 s' 'takes 65 s; run with --slow'
fi

finish
