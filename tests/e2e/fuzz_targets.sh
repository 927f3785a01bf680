#!/usr/bin/env bash
# Fuzzes every parser of untrusted input, guided by coverage.
#
#   tests/e2e/fuzz_targets.sh [--seconds N] [TARGET...]
#
# The targets are in tests/fuzz: the JSON body, tables, frequencies, timestamps, manifests, ONNX graphs
# and MLflow's model descriptions. Each runs for a minute. Installs cargo-fuzz, once.

source "$(dirname "$0")/lib.sh"

CARGO_FUZZ=0.13.2
SECONDS_EACH=60
targets=()
while (($# > 0)); do
  case $1 in
    --help) usage && exit 0 ;;
    --seconds) SECONDS_EACH=$2 && shift ;;
    -*) usage >&2 && exit 64 ;;
    *) targets+=("$1") ;;
  esac
  shift
done
((${#targets[@]} > 0)) || targets=(body csv frequency stamps manifest onnx mlmodel)

fuzz_home=$CACHE/cargo-fuzz-$CARGO_FUZZ
if [[ ! -x $fuzz_home/bin/cargo-fuzz ]]; then
  cargo install --quiet --locked --root "$fuzz_home" "cargo-fuzz@$CARGO_FUZZ"
fi
need g++ g++ || { echo 'a C++ compiler is missing' && exit 69; }
# Coverage needs unstable flags of the compiler, which this variable allows on a stable one.
export RUSTC_BOOTSTRAP=1 PATH=$fuzz_home/bin:$PATH CARGO_TARGET_DIR=$TARGET/fuzz

# seed TARGET: valid inputs to begin with, from the repository.
seed() {
  local folder=$SCRATCH/corpus/$1
  mkdir -p "$folder"
  case $1 in
    body) printf '{"values":[1,null,3.5],"horizon":2,"start":"2024-01-31","frequency":"ME"}' >"$folder/one" ;;
    csv) head -n 20 "$ROOT/examples/long.csv" >"$folder/long" && head -n 20 "$ROOT/examples/air_passengers.csv" >"$folder/wide" ;;
    frequency) printf 'W-MON' >"$folder/week" && printf '15min' >"$folder/minutes" && printf 'P1M' >"$folder/iso" ;;
    stamps) printf '2024-01-31\n2024-02-29\n2024-03-31\n' >"$folder/months" ;;
    manifest) cp "$ROOT"/models/seasonal/1/manifest.toml "$folder" && cp "$ROOT"/models/examples/gru-step/manifest.toml "$folder/gru.toml" ;;
    onnx) cp "$ROOT/models/seasonal/1/model.onnx" "$folder" ;;
    mlmodel) printf 'flavors:\n  onnx:\n    data: model.onnx\n' >"$folder/plain" ;;
  esac
}

fuzz() {
  seed "$1"
  (cd "$ROOT" && cargo fuzz run --fuzz-dir tests/fuzz --sanitizer none "$1" "$SCRATCH/corpus/$1" -- \
    -max_total_time="$SECONDS_EACH" -rss_limit_mb=2048 -timeout=10 -print_final_stats=1)
}

for target in "${targets[@]}"; do
  check "no input makes $target panic, hang or outgrow its memory in $SECONDS_EACH s" fuzz "$target"
  grep -E 'number_of_executed_units|new_units_added' "$SCRATCH/check" | sed 's/^/        /' || true
done
finish
