# shellcheck shell=bash disable=SC2034
# Functions of the end-to-end scripts: counted checks, servers that end with the script, pinned tools.
# Sourced by these scripts and by .ci/run.

set -euo pipefail

E2E=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$E2E/../.." && pwd)
# The folder in which crates/model/build.rs keeps the ONNX Runtime library.
CACHE=${ALMANAC_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/almanac}/tools
TARGET=${CARGO_TARGET_DIR:-$ROOT/target}
SCRATCH=$(mktemp -d)
STARTED=()
PASSED=0
FAILED=0
SKIPPED=0

UV=0.13.9
export UV_PYTHON_DOWNLOADS=never UV_NO_PROGRESS=1

end_started() {
  local pid
  for pid in "${STARTED[@]}"; do
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  rm -rf "$SCRATCH"
}
trap end_started EXIT

# Prints the comment at the top of the script.
usage() {
  sed -n '2,${/^#/!q;s/^# \{0,1\}//p}' "$0"
}

# Parses the options of every script: --help, --binary PATH, --slow.
parse_arguments() {
  BINARY=''
  SLOW=false
  while (($# > 0)); do
    case $1 in
      --help) usage && exit 0 ;;
      --binary) BINARY=$(realpath "$2") && shift ;;
      --slow) SLOW=true ;;
      *) usage >&2 && exit 64 ;;
    esac
    shift
  done
  if [[ -z $BINARY ]]; then
    (cd "$ROOT" && cargo build --quiet --release --locked)
    BINARY=$TARGET/release/almanac
  fi
}

# check NAME COMMAND...: passes if the command succeeds; otherwise prints its output.
check() {
  local name=$1 output=$SCRATCH/check
  shift
  if "$@" >"$output" 2>&1; then
    PASSED=$((PASSED + 1))
    printf 'ok      %s\n' "$name"
  else
    FAILED=$((FAILED + 1))
    printf 'NOT OK  %s\n' "$name"
    sed 's/^/        /' "$output" | tail -n 300
  fi
}

# skip NAME REASON: counts a check as skipped.
skip() {
  SKIPPED=$((SKIPPED + 1))
  printf 'SKIP    %s: %s\n' "$1" "$2"
}

# Prints the last line of a script, and returns its exit status.
finish() {
  printf '%d passed, %d failed' "$PASSED" "$FAILED"
  ((SKIPPED == 0)) || printf ', %d skipped' "$SKIPPED"
  printf '\n'
  ((FAILED == 0))
}

# eventually SECONDS COMMAND...: repeats the command until it succeeds, and fails after SECONDS.
eventually() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS <= end)) || return 1
    sleep 0.02
  done
}

# Runs uv, the installer of Python tools, which is downloaded once.
uv() {
  local home=$CACHE/uv-$UV
  if [[ ! -x $home/bin/uv ]]; then
    mkdir -p "$CACHE"
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
      --target "$SCRATCH/uv" "uv==$UV"
    # Another script may have installed it in the meantime.
    mv -T "$SCRATCH/uv" "$home" 2>/dev/null || [[ -x $home/bin/uv ]]
  fi
  "$home/bin/uv" "$@"
}

# training_python [EXTRA]: prints the path of the Python of an environment with the packages of
# models/training and of one of its extras. It is created once for each list of packages.
training_python() {
  local project=$ROOT/models/training/pyproject.toml extra=${1:-dev} home
  home=$CACHE/training-$extra-$(sha256sum "$project" | cut -c1-16)
  if [[ ! -x $home/bin/python ]]; then
    uv venv --quiet --clear "$home.part"
    uv pip install --quiet --python "$home.part/bin/python" -r "$project" --extra dev --extra "$extra"
    rm -rf "$home" && mv "$home.part" "$home"
  fi
  printf '%s\n' "$home/bin/python"
}

# examples_python FAMILY...: prints the path of the Python of an environment with the packages of these
# exports. It is created once for each list of packages. Fails if they cannot be installed.
examples_python() {
  local examples=$ROOT/models/examples home
  local files=("${@/#/$examples/}")
  files=("${files[@]/%//requirements.txt}")
  home=$CACHE/examples-$(cat "$examples"/*.txt "${files[@]}" | sha256sum | cut -c1-16)
  if [[ ! -x $home/bin/python ]]; then
    {
      uv venv --quiet --clear "$home.part" &&
        uv pip install --quiet --python "$home.part/bin/python" \
          --override "$examples/overrides.txt" "${files[@]/#/--requirements=}" &&
        rm -rf "$home" && mv "$home.part" "$home"
    } >"$SCRATCH/install" 2>&1 || return 1
  fi
  printf '%s\n' "$home/bin/python"
}

# deploy_python: prints the path of the Python of an environment with the packages of the tests of
# deploy/, which include Helm. It is created once for each list of packages.
deploy_python() {
  local requirements=$ROOT/deploy/tests/requirements.txt home
  home=$CACHE/deploy-$(sha256sum "$requirements" | cut -c1-16)
  if [[ ! -x $home/bin/python ]]; then
    uv venv --quiet --clear "$home.part"
    uv pip install --quiet --python "$home.part/bin/python" -r "$requirements"
    rm -rf "$home" && mv "$home.part" "$home"
  fi
  printf '%s\n' "$home/bin/python"
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# need PROGRAM PACKAGE: succeeds if the program exists or can be installed from Debian's packages.
need() {
  command -v "$1" >/dev/null && return
  [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null || return 1
  mkdir -p "$CACHE"
  {
    # Concurrent scripts take turns, and wait for other users of the package manager.
    flock 9
    apt-get update && apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$2"
  } 9>"$CACHE/apt.lock" >"$SCRATCH/apt" 2>&1
}

# start_server [ARGUMENT...]: starts the server on LISTEN (by default a free port), wrapped in the
# command WRAP. Sets SERVER (its process), URL, ADDRESS and LOG.
LISTEN=127.0.0.1:0
WRAP=()
start_server() {
  LOG=$(mktemp -p "$SCRATCH" log.XXXX)
  "${WRAP[@]}" "$BINARY" serve --listen "$LISTEN" --log-format json "$@" 2>"$LOG" &
  SERVER=$!
  STARTED+=("$SERVER")
  if ! eventually 20 grep -q '"message":"listening"' "$LOG"; then
    cat "$LOG"
    echo "the server does not listen"
    return 1
  fi
  ADDRESS=$(sed -n 's/.*"message":"listening".*"address":"\([^"]*\)".*/\1/p' "$LOG")
  URL=http://$ADDRESS
}

is_ready() {
  curl --silent --fail --max-time 2 --output /dev/null "$URL/readyz"
}

start_ready_server() {
  start_server "$@"
  if ! eventually 60 is_ready; then
    cat "$LOG"
    echo "the server does not become ready"
    return 1
  fi
}

# stop_server: sends SIGTERM, and returns the exit status.
stop_server() {
  kill -TERM "$SERVER"
  local status=0
  wait "$SERVER" || status=$?
  return "$status"
}

# status_of PATH [CURL ARGUMENT...]: prints the status of the response; the body goes to $SCRATCH/body.
status_of() {
  local path=$1
  shift
  curl --silent --max-time 10 --output "$SCRATCH/body" --write-out '%{http_code}' "$@" "$URL$path"
}
