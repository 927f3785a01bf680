#!/usr/bin/env bash
# Verifies that versions of a model replace each other under load, and that a bad version never does.
#
#   tests/e2e/swap.sh [--binary PATH] [--slow]
#
# A server on a directory, clients that send requests continuously, and versions that are published one after
# the other and announced by SIGHUP and by the admin API: every answer is of one version and has its golden
# forecasts. Corrupt, incomplete and invalid versions are refused with a reason. The server starts without a
# source that cannot be read, and retries it. --slow swaps 100 times instead of 30, and fails if p99 during
# swaps is more than twice the p99 without swaps.

source "$(dirname "$0")/lib.sh"
parse_arguments "$@"

BODY='{"values":[112,118,132,129,121,135,148,148,136,119,104,118],"horizon":3}'
ONNX=1.23.2

answers() { [[ $(status_of "$1" "${@:3}") == "$2" ]]; }
body_has() { grep -q "$1" "$SCRATCH/body"; }
answers_with() { answers "$1" "$2" "${@:4}" && body_has "$3"; }
log_has() { grep -q "$1" "$LOG"; }
python() { uv run --quiet --no-project --with "onnx==$ONNX" python "$@"; }

# admin_address: prints the address of the admin API of the server.
admin_address() {
  sed -n 's/.*"message":"admin api listening".*"address":"\([^"]*\)".*/\1/p' "$LOG"
}

# admin METHOD PATH STATUS [CURL ARGUMENT...]: succeeds if the admin API answers with STATUS.
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
check "$swaps swaps under load: every answer is correct and of one version" \
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
check 'the sources are listed on request' admin POST /admin/reload 202
check 'a second version is loaded' eventually 10 \
  admin POST /admin/models/swap/load 202 --data '{"version":"500"}'
check '... and answers requests that name it' eventually 30 answers_with /forecast 200 '"version":"500"' \
  --data "${BODY/\{/\{\"model\":\"swap/500\",}"
check '... and no others' answers_with /forecast 200 "\"version\":\"$last\"" --data "$BODY"
check 'the version that answers cannot be removed' \
  admin DELETE "/admin/models/swap/versions/$last" 409
check 'another version can be removed' admin DELETE /admin/models/swap/versions/500 204
check '... and no longer answers' answers /forecast 404 --data "${BODY/\{/\{\"model\":\"swap/500\",}"
check 'the overview has sources, routes and versions' admin GET /admin/models 200
check '... with the route' body_has "\"stable\":\"$last\""
check 'requests from a browser page are rejected' admin POST /admin/reload 401 --header 'origin: http://x'
check 'the server exits with 0' stop_server

# --- Sources that cannot be read

start_server --models "$SCRATCH/late" --default-model swap --watch 200ms
check 'a server without its source is alive' eventually 10 answers /healthz 200
check '... not ready, and reports the reason' eventually 10 answers_with /readyz 503 'cannot be read'
check '... and still running' kill -0 "$SERVER"
mkdir "$SCRATCH/late"
publish "$SCRATCH/late" 1
check 'it becomes ready once its source is readable' eventually 30 is_ready
rm -r "$SCRATCH/late"
check 'it detects that its source is gone' eventually 10 log_has 'source cannot be read'
check '... and still serves' answers /forecast 200 --data "$BODY"
logged_at_most_twice() { (($(grep -c 'source cannot be read' "$LOG") <= 2)); }
check '... and does not log it at every listing' logged_at_most_twice
check '... and exits with 0' stop_server

finish
