#!/usr/bin/env bash
# Reads the metrics that a server writes for CloudWatch, as a log driver does: from its standard output.
#
#   tests/e2e/emf.sh [--binary PATH]
#
# Nothing is written unless it is asked for. Then every line is a document of the embedded metric
# format, and together they count every request, those of the last interval included. A reader that
# stops reading holds up no request, nor the end of the process for more than a second.

source "$(dirname "$0")/lib.sh"
parse_arguments "$@"

BODY='{"values":[112,118,132,129,121,135],"horizon":3}'

# ask N PATH [CURL ARGUMENT...]: N times, one after the other.
ask() {
  local number=$1 path=$2 asked
  shift 2
  for ((asked = 0; asked < number; asked++)); do status_of "$path" "$@" >/dev/null; done
}

written_without() {
  start_ready_server --drain-delay 0s >"$SCRATCH/quiet"
  ask 3 /forecast --data "$BODY"
  stop_server
  [[ ! -s $SCRATCH/quiet ]]
}

writes() {
  start_ready_server --drain-delay 0s --emf --emf-interval 1s --service-name sales >"$SCRATCH/lines"
  ask 30 /forecast --data "$BODY"
  eventually 5 grep -q '"Model":"almanac"' "$SCRATCH/lines"
  ask 5 /forecast --data '{"values":[],"horizon":3}'
  ask 7 /readyz
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
told = {
    "lines of the service": len(service),
    "requests": sum(line["Requests"] for line in service),
    "client errors": sum(line["ClientErrors"] for line in service),
    "times": sum(line.get("RequestSeconds", {"Count": 0})["Count"] for line in service),
    "series": sum(line["Series"] for line in model),
}
print(told)
assert told.pop("lines of the service") >= 2
assert told == {"requests": 35, "client errors": 5, "times": 35, "series": 30}
assert {line["Service"] for line in lines} == {"sales"}
PY
}

# A pipe that is full, whose reader does nothing.
serves_unread() {
  local held
  mkfifo "$SCRATCH/unread"
  exec {held}<>"$SCRATCH/unread"
  head --bytes 1M /dev/zero | timeout 1 cat >"$SCRATCH/unread" || true
  start_ready_server --drain-delay 0s --emf --emf-interval 1s >"$SCRATCH/unread"
  ask 20 /forecast --data "$BODY"
  [[ $(status_of /forecast --data "$BODY") == 200 ]] || return 1
  local began=$SECONDS
  stop_server || return 1
  exec {held}>&-
  ((SECONDS - began <= 3)) && grep -q 'the last metrics were not written' "$LOG"
}

refuses_interval() {
  local status=0
  "$BINARY" serve --emf --emf-interval 0s 2>"$SCRATCH/refused" || status=$?
  cat "$SCRATCH/refused"
  ((status == 64)) && grep -q 'emf.interval is 0s; it must be at least 1s' "$SCRATCH/refused"
}

check 'nothing is written unless it is asked for' written_without
check 'a server that is asked for metrics ends with 0' writes
check 'every line is a document, and together they count everything' counts_everything
grep '^{' "$SCRATCH/check" | sed 's/^/        /'
check 'a reader that does not read holds up nothing' serves_unread
check 'an interval of nothing is refused' refuses_interval

finish
