#!/usr/bin/env bash
# Proves that the server keeps its own OpenAPI document, for requests right and wrong.
#
#   tests/e2e/fuzz_api.sh [--binary PATH] [--slow]
#
# Schemathesis reads /openapi.json and makes up requests for every operation: examples, edge cases,
# random ones, and ones that break the schema. No answer may be a 5xx, have a status, content type or
# body that the document does not name, accept what it forbids or refuse what it allows. The requests
# are the same in every run; --slow makes twenty times as many.

source "$(dirname "$0")/lib.sh"
parse_arguments "$@"

start_ready_server
examples=60
if $SLOW; then
  examples=1200
fi

check 'the document is OpenAPI 3.1' bash -c "curl -sf $URL/openapi.json | grep -q '^{\"openapi\":\"3.1'"
# Schemathesis keeps what failed in the folder it runs in.
cd "$SCRATCH"
export SCHEMATHESIS_HOOKS=$E2E/schemathesis_checks.py
check "requests made up from the document, up to $examples for each operation" \
  uv --quiet tool run --from schemathesis==4.32.5 schemathesis --config-file "$E2E/schemathesis.toml" \
  run "$URL/openapi.json" --max-examples "$examples" --generation-deterministic \
  --continue-on-failure --no-color
grep -E '^  +. [A-Z][a-z]+$|generated,' "$SCRATCH/check" || true
check 'the server lives after it' is_ready
check '... and ends cleanly' stop_server
finish
