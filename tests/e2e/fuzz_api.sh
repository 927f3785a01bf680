#!/usr/bin/env bash
# Verifies that the server conforms to its OpenAPI document, for valid and invalid requests.
#
#   tests/e2e/fuzz_api.sh [--binary PATH] [--slow]
#
# Schemathesis reads /openapi.json and generates requests for every operation: examples, edge cases,
# random ones, and ones that violate the schema. No response may be a 5xx, or have a status, content type
# or body that is not documented; valid requests must be accepted and invalid ones rejected. The requests
# are the same in every run; --slow sends twenty times as many.

source "$(dirname "$0")/lib.sh"
parse_arguments "$@"

start_ready_server
examples=60
if $SLOW; then
  examples=1200
fi

check 'the document is OpenAPI 3.1' bash -c "curl -sf $URL/openapi.json | grep -q '^{\"openapi\":\"3.1'"
# Schemathesis stores failures in its working directory.
cd "$SCRATCH"
export SCHEMATHESIS_HOOKS=$E2E/schemathesis_checks.py
check "up to $examples generated requests for each operation" \
  uv --quiet tool run --from schemathesis==4.32.5 schemathesis --config-file "$E2E/schemathesis.toml" \
  run "$URL/openapi.json" --max-examples "$examples" --generation-deterministic \
  --continue-on-failure --no-color
grep -E '^  +. [A-Z][a-z]+$|generated,' "$SCRATCH/check" || true
check 'the server is still ready' is_ready
check '... and exits with 0' stop_server
finish
