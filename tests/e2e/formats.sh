#!/usr/bin/env bash
# Proves that the example manifests serve: each family's own package and the server give the same numbers.
#
#   tests/e2e/formats.sh [--binary PATH] [--slow] [--only FAMILY]...
#
# Exports the models of models/examples from their packages, starts the server on them, requires that
# each became ready, and compares its answers over HTTP with those of the package. FAMILY is a folder of
# models/examples. Without --only or --slow, only those are run whose packages are small or shared.

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

# All in one environment, or, when that cannot be made, each in its own.
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
  # Graphs that need no manifest are files beside the bundles.
  sources=$models,embedded:
  for graph in "$models"/*.onnx; do
    if [[ -f $graph ]]; then
      sources+=,$graph
    fi
  done
  start_ready_server --models "$sources"
  for family in "${exported[@]}"; do
    check "$family answers as its package does" python3 "$E2E/formats_compare.py" "$URL" "$requests/$family.json"
    tail -n 1 "$SCRATCH/check"
  done
  check 'the server ends cleanly' stop_server
fi
finish
