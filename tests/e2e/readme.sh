#!/usr/bin/env bash
# Proves that the commands of README.md work as they are printed.
#
#   tests/e2e/readme.sh [FILE]
#
# Runs, in the order of the file, every fenced block whose info string says so:
#
#   ```sh test          ends with status 0, and what its curl asks for is answered without an error
#   ```sh test error    ends with status 0, and what its curl asks for is answered with an error
#   ```sh test server   goes on in the background; the next block waits until its /readyz is 200
#
# Blocks run by bash at the root of the repository, as a reader would type them; what one sets is
# gone in the next. The server is ended with SIGTERM after the last block and must exit 0. Where the
# machine allows it, all this happens in a network of its own, in which port 8080 is free and nothing
# can be fetched.

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

# Writes each block to a file of its own: 01.server, 02.test and so on.
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
check 'there are blocks to test' test "${#blocks[@]}" -gt 0

# curl, in a block, tells an HTTP error by its exit status, as if the block said --fail-with-body.
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
  # Of the block's session (a shell, perhaps cargo, the server) the server alone gets the signal.
  while read -r pid program; do
    STARTED+=("$pid")
    [[ $program != almanac ]] || kill -TERM "$pid" || true
  done < <(ps -o pid=,comm= --sid "$server")
  check 'the server ends cleanly' wait "$server"
fi
finish
