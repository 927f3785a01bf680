# shellcheck shell=bash
# Functions of the benchmark scripts, in addition to those of the end-to-end scripts. Sourced.

# shellcheck source=../tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../tests/e2e/lib.sh"

BENCHES=$ROOT/benches
# The program sets ORT_DISABLE_TELEMETRY itself; the Python package of ONNX Runtime does not.
export PYTHONPATH=$BENCHES PYTHONDONTWRITEBYTECODE=1 ORT_DISABLE_TELEMETRY=1

# Prints the path of the Python of an environment with the packages of the benchmarks. It is created once
# for each list of packages.
bench_python() {
  local project=$BENCHES/pyproject.toml home
  home=$CACHE/benches-$(sha256sum "$project" | cut -c1-16)
  if [[ ! -x $home/bin/python ]]; then
    uv venv --quiet --clear "$home.part"
    uv pip install --quiet --python "$home.part/bin/python" -r "$project" --extra dev
    rm -rf "$home" && mv "$home.part" "$home"
  fi
  printf '%s\n' "$home/bin/python"
}

# need_or_end PROGRAM PACKAGE: ends the script if the program is missing and cannot be installed.
need_or_end() {
  need "$1" "$2" && return
  echo "$1 is missing: install $2 and run this again" >&2
  exit 69
}

# Builds the bare loop, and prints its path.
bare_program() {
  (cd "$ROOT" && cargo bench --quiet --locked --bench bare --no-run --message-format json) |
    sed -n 's/.*"executable":"\([^"]*\/bare-[^"]*\)".*/\1/p' | tail -n 1
}
