#!/usr/bin/env bash
# Verifies that the command line and the HTTP API have the same forecasts of real series, better than seasonal naive.
#
#   tests/e2e/competitions.sh [--binary PATH]
#
# For every bundled model, models/training/evaluate.py sends all 5,315 series of the M1, M3 and Tourism
# competitions (ten sets) to the server and to `almanac forecast`, and computes them from the bundle: no
# series may fail, the three must agree, and MASE must not be worse than seasonal naive's on any set.
# The default model also receives requests without a frequency, for which the server detects the season.

source "$(dirname "$0")/lib.sh"
parse_arguments "$@"

python=$(training_python)
start_ready_server
for model in almanac seasonal; do
  arguments=(--bundle "$ROOT/models/$model/1" --http "$URL" --cli "$BINARY" --model "$model")
  [[ $model == seasonal ]] || arguments+=(--season-not-told)
  check "$model: bundle, HTTP API and command line agree on the competitions" \
    env ORT_DISABLE_TELEMETRY=1 "$python" "$ROOT/models/training/evaluate.py" "${arguments[@]}"
  cat "$SCRATCH/check"
done
check 'the server exits with 0' stop_server
finish
