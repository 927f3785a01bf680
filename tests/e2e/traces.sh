#!/usr/bin/env bash
# Verifies the traces that a collector receives, and that a failing collector affects no request.
#
#   tests/e2e/traces.sh [--binary PATH]
#
# The collector is a receiver of OTLP over HTTP (otlp_receiver.py) that decodes the messages with
# OpenTelemetry's definitions, because no package registry has a complete collector. Spans have their names,
# parents, times and attributes; they continue the traces of clients and load balancers; on SIGTERM queued
# spans are sent; a collector that is down, or accepts connections and never answers, loses spans but affects
# no request.

source "$(dirname "$0")/lib.sh"
parse_arguments "$@"

BODY='{"values":[112,118,132,129,121,135,148,148,136,119,104,118],"horizon":3}'
TRACE=4bf92f3577b34da6a3ce929d0e0e4736
PARENT=00f067aa0ba902b7
AMAZON='Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1'

answers() { [[ $(status_of "$1" "${@:3}") == "$2" ]]; }
metric() { curl --silent --max-time 10 "$URL/metrics" | grep -F "$1 " | sed 's/.* //'; }
metric_is() { [[ $(metric "$1") == "$2" ]]; }

# --- The collector

SPANS=$SCRATCH/spans
: >"$SPANS"
uv --quiet run --no-project --with opentelemetry-proto==1.45.2 \
  python "$E2E/otlp_receiver.py" "$SCRATCH/ready" "$SPANS" >"$SCRATCH/receiver" 2>&1 &
STARTED+=("$!")
eventually 120 grep -q ' ' "$SCRATCH/ready" || { cat "$SCRATCH/receiver" && exit 1; }
read -r port receiver <"$SCRATCH/ready"
# Ending uv does not end its child.
STARTED+=("$receiver")
COLLECTOR=http://127.0.0.1:$port

# spans EXPRESSION: succeeds if the Python expression is true for the received spans.
spans() {
  python3 - "$SPANS" "$1" <<'PYTHON'
import json
import sys

spans = [json.loads(line) for line in open(sys.argv[1])]
roots = [span for span in spans if span["kind"] == 2]
def below(root):
    return [span for span in spans if span["parent"] == root["span"]]
def of(request_id):
    found = [root for root in roots if root["attributes"].get("almanac.request_id") == request_id]
    assert len(found) == 1, f"{request_id}: {found}"
    return found[0]
PHASES = ["parse", "queue", "inference", "write"]
def nested(root):
    times = [root["start"]]
    for span in below(root):
        times += [span["start"], span["end"]]
    times.append(root["end"])
    return times == sorted(times) and times[0] < times[-1]
if not eval(f"({sys.argv[2]})"):
    print(json.dumps(spans, indent=1))
    sys.exit(1)
PYTHON
}
# forecast REQUEST_ID STATUS [CURL ARGUMENT...]: succeeds if a forecast is answered with STATUS.
forecast() { answers /forecast "$2" --header "x-request-id: $1" "${@:3}"; }

# --- Received spans

export OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=test
start_ready_server --otlp-endpoint "$COLLECTOR" --service-name forecasts --drain-delay 0s
check 'a forecast without a trace context' forecast plain 200 --data "$BODY"
check 'a forecast in a W3C trace' forecast standard 200 --data "$BODY" \
  --header "traceparent: 00-$TRACE-$PARENT-01" --header 'tracestate: vendor=1'
check 'a forecast in a trace of a load balancer' forecast amazon 200 --data "$BODY" \
  --header "X-Amzn-Trace-Id: $AMAZON"
check 'a forecast in an unsampled trace' forecast unsampled 200 --data "$BODY" \
  --header "traceparent: 00-$TRACE-$PARENT-00"
check 'a forecast with an invalid trace context' forecast broken 200 --data "$BODY" \
  --header "traceparent: 00-$TRACE-$PARENT"
check 'an invalid request' forecast wrong 400 --data '{'
check 'a health check in a trace' answers /healthz 200 --header "traceparent: 00-$TRACE-$PARENT-01"
logged() { grep '"request_id":"standard"' "$LOG" | grep -q "\"trace_id\":\"$TRACE\""; }
check 'the log names the trace' eventually 5 logged
check 'SIGTERM: queued spans are sent, exit status 0' stop_server

check 'each sampled request has one server span' spans 'len(roots) == 5'
check '... with the resource attributes' spans 'all(span["resource"]["service.name"] == "forecasts"
  and span["resource"]["deployment.environment.name"] == "test" and span["scope"]["name"] == "almanac"
  for span in spans)'
check '... with the attributes of the request' spans 'of("plain")["name"] == "POST /forecast" and {
  "http.request.method": "POST", "http.route": "/forecast", "http.response.status_code": 200,
  "url.path": "/forecast", "client.address": "127.0.0.1", "almanac.model": "almanac", "almanac.series": 1,
  }.items() <= of("plain")["attributes"].items()'
check '... with the error code, but without an error status' spans \
  'of("wrong")["attributes"]["error.type"] == "invalid_json" and of("wrong")["status"] == 0'
check '... with the phases as child spans' spans 'all([span["name"] for span in below(root)] == PHASES
  for root in roots if root["attributes"]["http.response.status_code"] == 200)'
check '... nested in time' spans 'all(nested(root) for root in roots)'
check '... in the same trace' spans \
  'all(span["trace"] == root["trace"] for root in roots for span in below(root))'
check 'a W3C trace is continued' spans "of('standard')['trace'] == '$TRACE'
  and of('standard')['parent'] == '$PARENT' and of('standard')['state'] == 'vendor=1'"
check 'a trace of a load balancer is continued' spans \
  'of("amazon")["trace"] == "5759e988bd862e3fe1be46a994272793" and of("amazon")["parent"] == "53995c3f42cd8ad8"'
check 'an invalid context starts a new trace' spans \
  "of('broken')['trace'] not in ('$TRACE', of('plain')['trace']) and of('broken')['parent'] == ''"

# --- Variables of OpenTelemetry, and sampling

: >"$SPANS"
OTEL_EXPORTER_OTLP_ENDPOINT=$COLLECTOR OTEL_SERVICE_NAME=standard \
  start_ready_server --trace-ratio 0 --drain-delay 0s
check 'a forecast with a sampling ratio of 0' forecast none 200 --data "$BODY"
check '... and one in a sampled trace' forecast theirs 200 --data "$BODY" \
  --header "traceparent: 00-$TRACE-$PARENT-01"
check '... the server exits with 0' stop_server
check '... only the sampled trace is sent' spans 'len(roots) == 1 and len(spans) == 5 and of("theirs")
  and spans[0]["resource"]["service.name"] == "standard"'

OTEL_EXPORTER_OTLP_ENDPOINT=$COLLECTOR OTEL_SDK_DISABLED=true start_ready_server --drain-delay 0s
check 'OTEL_SDK_DISABLED disables traces' bash -c "! grep -q 'traces are sent' $LOG"
stop_server

# --- Failing collectors

fifty_forecasts() {
  for _ in $(seq 50); do
    [[ $(status_of /forecast --data "$BODY") == 200 ]] || return 1
  done
}
at_most() {
  local started=$SECONDS
  "${@:2}" || return 1
  echo "$((SECONDS - started)) s"
  ((SECONDS - started <= $1))
}
# Port 9 is closed.
start_ready_server --otlp-endpoint http://127.0.0.1:9 --trace-queue 20 --drain-delay 0s
check 'a collector that is down does not affect requests' at_most 10 fifty_forecasts
failed() { (($(metric 'almanac_traces_spans_total{outcome="failed"}') > 0)); }
check '... the failed spans are counted' eventually 20 failed
logged_once() { [[ $(grep -c 'span export failed' "$LOG") == 1 ]]; }
# The log is written by a thread of its own.
check '... and the failure is logged once' eventually 5 logged_once
check '... with the cause' grep -q 'refused' "$LOG"
check '... and SIGTERM: exit status 0' at_most 6 stop_server

# Accepts connections into its backlog and never answers.
python3 -c 'import socket, sys, time
silent = socket.create_server(("127.0.0.1", 0))
print(silent.getsockname()[1], flush=True)
time.sleep(600)' >"$SCRATCH/silent" &
STARTED+=("$!")
eventually 10 test -s "$SCRATCH/silent"
start_ready_server --otlp-endpoint "http://127.0.0.1:$(cat "$SCRATCH/silent")" --trace-queue 10 \
  --drain-delay 0s --drain-deadline 3s
check 'a collector that does not answer does not affect requests' at_most 10 fifty_forecasts
check '... spans over the limit are dropped' bash -c \
  "(( \$(curl -s $URL/metrics | sed -n 's/^almanac_traces_spans_total{outcome=\"dropped\"} //p') > 0 ))"
check '... and SIGTERM: exit status 0 within the drain deadline' at_most 4 stop_server

# --- Configuration

refuses_https() {
  local status=0
  "$BINARY" serve --listen 127.0.0.1:0 --otlp-endpoint https://collector 2>"$SCRATCH/stderr" || status=$?
  cat "$SCRATCH/stderr"
  [[ $status == 64 && $(wc -l <"$SCRATCH/stderr") == 1 ]] && grep -q 'unsupported scheme .https' "$SCRATCH/stderr"
}
check 'an HTTPS endpoint is rejected: one line, exit status 64' refuses_https

finish
