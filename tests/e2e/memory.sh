#!/usr/bin/env bash
# Verifies the estimate behind models.memory against the memory growth of a server.
#
#   tests/e2e/memory.sh [--binary PATH]
#
# Loads the larger bundled model and two of models/examples, which are trained for this purpose, in addition to the
# other bundled model, and sends large batches to each. docs/performance.md has the measurements.

source "$(dirname "$0")/lib.sh"
parse_arguments "$@"
cd "$ROOT"

FAMILIES=(lightgbm-lags sklearn-lags)
export OMP_NUM_THREADS=1
bundles=(models/almanac/1)
mkdir -p "$SCRATCH/served/seasonal" "$SCRATCH/exported"
cp -r models/seasonal/1 "$SCRATCH/served/seasonal/1"
if python=$(examples_python "${FAMILIES[@]}"); then
  for family in "${FAMILIES[@]}"; do
    check "$family is exported" "$python" "models/examples/$family/export.py" --output "$SCRATCH/exported" \
      --requests "$SCRATCH/$family.json"
  done
  bundles+=("$SCRATCH"/exported/*/1)
else
  skip 'the examples' "their packages cannot be installed: $(tail -n 1 "$SCRATCH/install")"
fi

measured() { python3 "$E2E/memory_growth.py" "$BINARY" "$SCRATCH/served" "${bundles[@]}" | tee "$SCRATCH/growth"; }
check 'every model is loaded and forecasts' measured
printf '%-20s %6s %6s %6s %6s %5s\n' model graph 'est.' loaded used ratio
cat "$SCRATCH/growth"
within_two() { awk -v model="$1" '$1 == model { found = $6 <= 2 } END { exit !found }' "$SCRATCH/growth"; }
while read -r model _; do
  check "the estimate for $model is within a factor of two" within_two "$model"
done <"$SCRATCH/growth"
finish
