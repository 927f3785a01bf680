#!/usr/bin/env bash
# Proves that versions of a model replace each other under load, and that no bad one ever does.
#
#   tests/e2e/swap.sh [--binary PATH] [--slow]
#
# A server on a directory, clients that ask without pause, and versions published one after the other,
# told by SIGHUP and by the admin API: every answer is of one version and has its golden forecasts.
# Corrupt, half-written and wrong versions are refused with a reason. A source that cannot be read is
# waited for; the server starts without it. --slow swaps 100 times instead of 30, and fails when p99
# during swaps is over twice what it is without.

source "$(dirname "$0")/lib.sh"
parse_arguments "$@"

BODY='{"values":[112,118,132,129,121,135,148,148,136,119,104,118],"horizon":3}'
ONNX=1.23.2

answers() { [[ $(status_of "$1" "${@:3}") == "$2" ]]; }
body_has() { grep -q "$1" "$SCRATCH/body"; }
answers_with() { answers "$1" "$2" "${@:4}" && body_has "$3"; }
log_has() { grep -q "$1" "$LOG"; }
python() { uv run --quiet --no-project --with "onnx==$ONNX" python "$@"; }

# admin_address: where the admin API of the server listens.
admin_address() {
  sed -n 's/.*"message":"admin api listening".*"address":"\([^"]*\)".*/\1/p' "$LOG"
}

# admin METHOD PATH STATUS [CURL ARGUMENT...]
admin() {
  local status
  status=$(curl --silent --max-time 10 --output "$SCRATCH/body" --write-out '%{http_code}' \
    --request "$1" "${@:4}" "http://$ADMIN$2")
  cat "$SCRATCH/body"
  [[ $status == "$3" ]]
}

publish() {
  PYTHONPATH=$E2E python - "$ROOT/models/seasonal/1" "$1" "$2" <<'PYTHON'
import sys
from pathlib import Path
from swap_bundles import Bundles, write
original, folder, version = sys.argv[1:]
write(Path(folder), version, Bundles(Path(original)).files(int(version)))
PYTHON
}

# --- Swaps under load

models=$SCRATCH/models
mkdir "$models"
publish "$models" 1
swaps=30
assert=()
if $SLOW; then
  swaps=100
  assert=(--assert-p99)
fi
start_ready_server --models "$models,embedded:" --default-model swap --watch 0s --history 200 \
  --log-requests failed --admin-listen 127.0.0.1:0
ADMIN=$(admin_address)
check "$swaps swaps under load: every answer is of one version, and right" \
  python "$E2E/swap_load.py" --address "$ADDRESS" --admin "$ADMIN" --pid "$SERVER" \
  --folder "$models" --original "$ROOT/models/seasonal/1" --swaps "$swaps" "${assert[@]}"
cat "$SCRATCH/check"
check 'the swaps are counted' \
  bash -c "curl -s $URL/metrics | grep '^almanac_model_swaps_total{model=\"swap\"} $swaps'"

# --- The admin API

last=$((swaps + 1))
check 'a route to a version that no source has is refused' \
  admin POST /admin/models/swap/route 404 --data '{"stable":"501"}'
check '... with a stable code' body_has unknown_version
check 'a route pins a version' \
  admin POST /admin/models/swap/route 200 --data "{\"stable\":\"$last\"}"
publish "$models" 500
check 'the sources are looked at when told' admin POST /admin/reload 202
check 'a version is loaded beside the one that answers' eventually 10 \
  admin POST /admin/models/swap/load 202 --data '{"version":"500"}'
check '... and answers who names it' eventually 30 answers_with /forecast 200 '"version":"500"' \
  --data "${BODY/\{/\{\"model\":\"swap/500\",}"
check '... and nobody else' answers_with /forecast 200 "\"version\":\"$last\"" --data "$BODY"
check 'the version that answers cannot be removed' \
  admin DELETE "/admin/models/swap/versions/$last" 409
check 'another can' admin DELETE /admin/models/swap/versions/500 204
check '... and is gone' answers /forecast 404 --data "${BODY/\{/\{\"model\":\"swap/500\",}"
check 'the overview tells sources, routes and versions' admin GET /admin/models 200
check '... with the route' body_has "\"stable\":\"$last\""
check 'a page in a browser may not use it' admin POST /admin/reload 401 --header 'origin: http://x'
check 'the server ends cleanly' stop_server

# --- Sources that cannot be read

start_server --models "$SCRATCH/late" --default-model swap --watch 200ms
check 'a server without its source is alive' eventually 10 answers /healthz 200
check '... not ready, and says why' eventually 10 answers_with /readyz 503 'cannot be read'
check '... and does not end' kill -0 "$SERVER"
mkdir "$SCRATCH/late"
publish "$SCRATCH/late" 1
check 'it becomes ready when its source does' eventually 30 is_ready
rm -r "$SCRATCH/late"
check 'it notices that its source has gone' eventually 10 log_has 'source cannot be read'
check '... and serves on' answers /forecast 200 --data "$BODY"
told_once() { (($(grep -c 'source cannot be read' "$LOG") <= 2)); }
check '... and does not tell at every look' told_once
check '... and ends cleanly' stop_server

finish
