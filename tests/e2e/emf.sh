#!/usr/bin/env bash
# Verifies the metrics for CloudWatch that a server writes to its standard output for a log driver.
#
#   tests/e2e/emf.sh [--binary PATH]
#
# By default no metrics are written. With --emf every line is a document of the embedded metric format, and
# the lines count every request, including those of the last interval. A reader that stops reading delays
# no request, and the exit of the process by at most a second.

source "$(dirname "$0")/lib.sh"
parse_arguments "$@"

BODY='{"values":[112,118,132,129,121,135],"horizon":3}'

# send N PATH [CURL ARGUMENT...]: sends a request N times, sequentially.
send() {
  local number=$1 path=$2 idx
  shift 2
  for ((idx = 0; idx < number; idx++)); do status_of "$path" "$@" >/dev/null; done
}

written_without() {
  start_ready_server --drain-delay 0s >"$SCRATCH/quiet"
  send 3 /forecast --data "$BODY"
  stop_server
  [[ ! -s $SCRATCH/quiet ]]
}

writes() {
  start_ready_server --drain-delay 0s --emf --emf-interval 1s --service-name sales >"$SCRATCH/lines"
  send 30 /forecast --data "$BODY"
  eventually 5 grep -q '"Model":"almanac"' "$SCRATCH/lines"
  send 5 /forecast --data '{"values":[],"horizon":3}'
  send 7 /readyz
  stop_server
}

counts_everything() {
  "$(deploy_python)" - "$SCRATCH/lines" "$ROOT/deploy/tests/embedded_metric_format.json" <<'PY'
import json
import sys

import jsonschema

schema = json.load(open(sys.argv[2]))
lines = [json.loads(line) for line in open(sys.argv[1])]
for line in lines:
    jsonschema.Draft7Validator(schema).validate(line)
service = [line for line in lines if "Model" not in line]
model = [line for line in lines if line.get("Model") == "almanac"]
counts = {
    "lines of the service": len(service),
    "requests": sum(line["Requests"] for line in service),
    "client errors": sum(line["ClientErrors"] for line in service),
    "times": sum(line.get("RequestSeconds", {"Count": 0})["Count"] for line in service),
    "series": sum(line["Series"] for line in model),
}
print(counts)
assert counts.pop("lines of the service") >= 2
assert counts == {"requests": 35, "client errors": 5, "times": 35, "series": 30}
assert {line["Service"] for line in lines} == {"sales"}
PY
}

# Writes metrics to a full pipe that is never read.
serves_unread() {
  local pipe
  mkfifo "$SCRATCH/unread"
  exec {pipe}<>"$SCRATCH/unread"
  head --bytes 1M /dev/zero | timeout 1 cat >"$SCRATCH/unread" || true
  start_ready_server --drain-delay 0s --emf --emf-interval 1s >"$SCRATCH/unread"
  send 20 /forecast --data "$BODY"
  [[ $(status_of /forecast --data "$BODY") == 200 ]] || return 1
  local began=$SECONDS
  stop_server || return 1
  exec {pipe}>&-
  ((SECONDS - began <= 3)) && grep -q 'the last metrics were not written' "$LOG"
}

refuses_interval() {
  local status=0
  "$BINARY" serve --emf --emf-interval 0s 2>"$SCRATCH/refused" || status=$?
  cat "$SCRATCH/refused"
  ((status == 64)) && grep -q 'emf.interval is 0s; it must be at least 1s' "$SCRATCH/refused"
}

check 'no metrics are written by default' written_without
check 'a server with --emf exits with 0' writes
check 'every line is valid, and together they count every request' counts_everything
grep '^{' "$SCRATCH/check" | sed 's/^/        /'
check 'a blocked reader delays no request and no exit' serves_unread
check 'an interval of 0 s is rejected' refuses_interval

finish
