#!/usr/bin/env bash
# Holds the estimate behind models.memory against what a server grows by.
#
#   tests/e2e/memory.sh [--binary PATH]
#
# Loads the larger bundled model and two examples of models/examples, which are trained for it, beside the other
# bundled one, and asks each for large batches. docs/performance.md has what was seen.

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
check 'every model is loaded and asked' measured
printf '%-20s %6s %6s %6s %6s %5s\n' model graph 'est.' loaded used ratio
cat "$SCRATCH/growth"
within_two() { awk -v model="$1" '$1 == model { found = $6 <= 2 } END { exit !found }' "$SCRATCH/growth"; }
while read -r model _; do
  check "the estimate of $model is right within a factor of two" within_two "$model"
done <"$SCRATCH/growth"
finish
