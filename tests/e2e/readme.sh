#!/usr/bin/env bash
# Verifies that the commands of README.md work as printed.
#
#   tests/e2e/readme.sh [FILE]
#
# Runs every fenced block with one of these info strings, in the order of the file:
#
#   ```sh test          must end with status 0; its curl requests must succeed
#   ```sh test error    must end with status 0; its curl request must be answered with an error
#   ```sh test server   runs in the background; the next block waits until its /readyz is 200
#
# Blocks are run by bash at the root of the repository; each has its own shell. The server receives SIGTERM
# after the last block and must exit with 0. If the machine allows it, the blocks run in a separate network,
# in which port 8080 is free and nothing can be downloaded.

source "$(dirname "$0")/lib.sh"
[[ ${1:-} != --help ]] || { usage && exit 0; }
FILE=$(realpath "${1:-$ROOT/README.md}")
URL=http://127.0.0.1:8080

if [[ -z ${OWN_NETWORK:-} ]] && unshare --net ip link set lo up 2>/dev/null; then
  (cd "$ROOT" && cargo build --quiet --release --locked)
  end_started
  exec env OWN_NETWORK=1 unshare --net sh -c 'ip link set lo up && exec "$@"' sh "$0" "$FILE"
fi
if is_ready || (exec 3<>/dev/tcp/127.0.0.1/8080) 2>/dev/null; then
  check 'port 8080, which the README uses, is free' false
  finish
  exit
fi

# Writes each block to its own file: 01.server, 02.test and so on.
awk -v folder="$SCRATCH" '
  /^```/ && inside { inside = 0; close(file); next }
  /^```sh test( server| error)?$/ {
    inside = 1
    file = sprintf("%s/%02d.%s", folder, ++count, $NF)
    next
  }
  inside { print > file }
' "$FILE"
shopt -s nullglob
blocks=("$SCRATCH"/[0-9][0-9].*)
check 'the README has blocks to test' test "${#blocks[@]}" -gt 0

# In a block, curl fails on an HTTP error, as with --fail-with-body.
mkdir "$SCRATCH/curl"
echo fail-with-body >"$SCRATCH/curl/.curlrc"
HTTP_ERROR=22
cd "$ROOT"
run_block() {
  timeout 900 env CURL_HOME="$SCRATCH/curl" bash -euo pipefail "$1"
}
run_error_block() {
  local status=0
  run_block "$1" || status=$?
  [[ $status == "$HTTP_ERROR" ]]
}

server=''
for block in "${blocks[@]}"; do
  name="$(basename "${block%.*}") $(head -n 1 "$block" | cut -c1-90)"
  case $block in
    *.server)
      setsid bash -euo pipefail "$block" >"$SCRATCH/server.log" 2>&1 &
      server=$!
      check "$name" eventually 900 is_ready
      ;;
    *.error) check "$name" run_error_block "$block" ;;
    *) check "$name" run_block "$block" ;;
  esac
done

if [[ -n $server ]]; then
  # Of the processes of the block's session (a shell, perhaps cargo, the server) only the server gets the signal.
  while read -r pid program; do
    STARTED+=("$pid")
    [[ $program != almanac ]] || kill -TERM "$pid" || true
  done < <(ps -o pid=,comm= --sid "$server")
  check 'the server exits with 0' wait "$server"
fi
finish
