# shellcheck shell=bash
# Runs steps, alone or side by side, and counts them and the tests that their output counts. Sourced.

source "$(dirname "${BASH_SOURCE[0]}")/../tests/e2e/lib.sh"

SUMMARY=()
# Files with the date and the revision of the last time that a lane passed on this machine.
PASSES=$CACHE/passed

# step NAME COMMAND...: runs a step, shows its output, and counts it.
step() {
  local name=$1 log=$SCRATCH/step started=$SECONDS status
  shift
  printf '\n=== %s\n' "$name"
  set +e
  (set -e; "$@") </dev/null 2>&1 | tee "$log"
  status=${PIPESTATUS[0]}
  set -e
  count_step "$name" "$status" $((SECONDS - started)) "$log"
}

# side_by_side NAME COMMAND [NAME COMMAND]...: runs steps of one word each, two at a time. For steps
# that wait more than they compute; those that measure run alone. Shows the output of each when it ends.
side_by_side() {
  local running=0 index=0 count=$(($# / 2)) names=() n
  while (($# > 0)); do
    names+=("$1")
    background_step "$SCRATCH/side.$index" "$2" &
    STARTED+=($!)
    index=$((index + 1)) running=$((running + 1))
    shift 2
    if ((running == 2)); then
      wait -n || true
      running=$((running - 1))
    fi
  done
  wait
  for ((n = 0; n < count; n++)); do
    printf '\n=== %s\n' "${names[n]}"
    cat "$SCRATCH/side.$n"
    count_step "${names[n]}" "$(<"$SCRATCH/side.$n.status")" "$(<"$SCRATCH/side.$n.seconds")" "$SCRATCH/side.$n"
  done
}

background_step() {
  local log=$1 started=$SECONDS status=0
  shift
  # A file of its own, so that the step's exit trap removes nothing of the other's.
  (set -e; "$@") </dev/null >"$log" 2>&1 || status=$?
  printf '%s' "$status" >"$log.status"
  printf '%s' $((SECONDS - started)) >"$log.seconds"
}

# count_step NAME STATUS SECONDS LOG
count_step() {
  local name=$1 status=$2 seconds=$3 passed failed skipped outcome=passed
  read -r passed failed skipped < <(count_tests "$4")
  if ((status == 0)); then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    outcome=FAILED
  fi
  SUMMARY+=("$(printf '%s %5d s %6d tests  %s' "$outcome" "$seconds" $((passed + failed - 1)) "$name")")
  PASSED=$((PASSED + passed))
  FAILED=$((FAILED + failed))
  SKIPPED=$((SKIPPED + skipped))
}

# Adds up the closing lines of cargo test ("test result: ok. 3 passed; 0 failed; ..."), of pytest
# ("1 failed, 2 passed in 0.1s") and of the end-to-end scripts ("3 passed, 0 failed, 1 skipped").
count_tests() {
  awk '
    /^test result: / || /^[0-9]+ passed, [0-9]+ failed/ || /[0-9]+ (passed|failed|errors?|skipped) in [0-9.]+s/ {
      for (i = 2; i <= NF; i++) {
        if ($i ~ /^passed/) passed += $(i - 1)
        if ($i ~ /^(failed|error)/) failed += $(i - 1)
        if ($i ~ /^skipped/) skipped += $(i - 1)
      }
    }
    END { print passed + 0, failed + 0, skipped + 0 }
  ' "$1"
}

# passed_lane LANE FAILED_BEFORE: remembers that a lane passed, if no step of it failed.
passed_lane() {
  (($2 == FAILED)) || return 0
  mkdir -p "$PASSES"
  printf '%s, revision %s\n' "$(date -u '+%Y-%m-%d %H:%M UTC')" "$(git rev-parse --short HEAD)" >"$PASSES/$1"
}

# last_pass LANE
last_pass() {
  cat "$PASSES/$1" 2>/dev/null || echo 'never on this machine'
}

summary() {
  local lane
  printf '\n=== summary\n'
  printf '%s\n' "${SUMMARY[@]}"
  for lane in fast e2e nightly; do
    printf 'lane %s last passed: %s\n' "$lane" "$(last_pass "$lane")"
  done
  finish
}
