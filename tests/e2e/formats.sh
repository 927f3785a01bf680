#!/usr/bin/env bash
# Verifies that the server has the same forecasts as the package of each example family.
#
#   tests/e2e/formats.sh [--binary PATH] [--slow] [--only FAMILY]...
#
# Exports the models of models/examples from their packages, starts the server on them, and compares its
# responses with the forecasts of the packages. FAMILY is a folder of models/examples. Without --only or
# --slow, only the families run whose packages are small or shared.

source "$(dirname "$0")/lib.sh"

examples=$ROOT/models/examples
quick=(lightgbm-lags lightgbm-price sklearn-lags gru-step patchtst patchtsmixer chronos-bolt)
slow=(
  chronos-2 tirex timesfm-2.5 ttm
  neuralforecast-mlp neuralforecast-nhits neuralforecast-exogenous
  darts-tide darts-tide-covariates darts-rnn
)

only=()
rest=()
while (($# > 0)); do
  case $1 in
    --only) only+=("$2") && shift ;;
    *) rest+=("$1") ;;
  esac
  shift
done
parse_arguments "${rest[@]}"
if ((${#only[@]} > 0)); then
  families=("${only[@]}")
elif $SLOW; then
  families=("${quick[@]}" "${slow[@]}")
else
  families=("${quick[@]}")
fi
for family in "${families[@]}"; do
  if [[ ! -f $examples/$family/export.py ]]; then
    echo "models/examples has no $family" >&2
    exit 64
  fi
done

export OMP_NUM_THREADS=1
models=$SCRATCH/models
requests=$SCRATCH/requests
mkdir -p "$models" "$requests"

# All families share one environment; if it cannot be created, each has its own.
shared=$(examples_python "${families[@]}") || shared=''
exported=()
for family in "${families[@]}"; do
  if ! python=${shared:-$(examples_python "$family")}; then
    skip "$family" "its packages cannot be installed: $(tail -n 1 "$SCRATCH/install")"
    continue
  fi
  started=$SECONDS
  check "$family is exported" "$python" "$examples/$family/export.py" --output "$models" \
    --requests "$requests/$family.json"
  printf '        %d s\n' $((SECONDS - started))
  if [[ -f $requests/$family.json ]]; then
    exported+=("$family")
  fi
done

if ((${#exported[@]} > 0)); then
  # Graphs that need no manifest are files next to the bundles.
  sources=$models,embedded:
  for graph in "$models"/*.onnx; do
    if [[ -f $graph ]]; then
      sources+=,$graph
    fi
  done
  start_ready_server --models "$sources"
  for family in "${exported[@]}"; do
    check "$family has the forecasts of its package" python3 "$E2E/formats_compare.py" "$URL" "$requests/$family.json"
    tail -n 1 "$SCRATCH/check"
  done
  check 'the server exits with 0' stop_server
fi
finish
