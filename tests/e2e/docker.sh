# shellcheck shell=bash disable=SC2034
# Functions of the end-to-end scripts that need containers. Sourced after lib.sh.

# Debian's client includes BuildKit; another client on this machine may not.
DOCKER=$(type -P -a docker | tail -n 1 || true)
CONTAINERS=()
ENGINE_STARTED=false

docker() { DOCKER_BUILDKIT=1 "$DOCKER" "$@"; }

end_containers() {
  ((${#CONTAINERS[@]} == 0)) || docker rm --force "${CONTAINERS[@]}" >/dev/null 2>&1 || true
  if [[ $ENGINE_STARTED == true ]]; then
    kill -TERM "$(cat "$SCRATCH/dockerd.pid")" 2>/dev/null || true
    eventually 20 test ! -e "$SCRATCH/dockerd.pid" || true
  fi
  end_started
}
trap end_containers EXIT

# Succeeds if a Docker engine runs. If there is none and the user is root, it is installed from Debian's
# packages and started; it ends with the script, and its images are kept. Sets REASON on failure.
docker_engine() {
  REASON='docker cannot be installed without root and apt-get'
  need docker docker.io || return 1
  DOCKER=$(type -P -a docker | tail -n 1)
  docker info >/dev/null 2>&1 && return
  need dockerd docker.io && need iptables iptables || return 1
  DOCKER=$(type -P -a docker | tail -n 1)
  REASON='dockerd does not start'
  local home=${CACHE%/tools}/docker
  mkdir -p "$home"
  setsid dockerd --data-root "$home" --exec-root "$SCRATCH/docker-exec" \
    --pidfile "$SCRATCH/dockerd.pid" >"$SCRATCH/dockerd.log" 2>&1 &
  ENGINE_STARTED=true
  if ! eventually 30 docker info; then
    REASON=$(tail -n 1 "$SCRATCH/dockerd.log")
    return 1
  fi
}

# base_images PATTERN [ARGUMENT...]: pulls the images that are the values of the Dockerfile arguments
# whose names match PATTERN. If one cannot be pulled, builds substitutes with deploy/image/base-images.sh.
base_images() {
  local base bases pattern=$1
  shift
  mapfile -t bases < <(sed -n "s/^ARG $pattern=//p" "$ROOT/Dockerfile")
  for base in "${bases[@]}"; do
    docker image inspect "$base" >/dev/null 2>&1 || docker pull --quiet "$base" || {
      DOCKER=$DOCKER "$ROOT/deploy/image/base-images.sh" "$@"
      return
    }
  done
}

# build_image NAME: builds the image from the Dockerfile.
build_image() {
  base_images '[A-Z]*_IMAGE' || return 1
  docker build --tag "$1" --build-arg "REVISION=$(git -C "$ROOT" rev-parse HEAD)" "$ROOT"
}

# pack_image NAME PROGRAM: builds only the last stage of the Dockerfile, with PROGRAM instead of the
# output of the build stage. Fails if PROGRAM needs a newer C library than that of the image.
pack_image() {
  local made=$SCRATCH/packed library
  base_images RUNTIME_IMAGE --without-build || return 1
  library=${CACHE%/tools}/onnxruntime-$(sed -n 's/^const VERSION: &str = "\(.*\)";/\1/p' "$ROOT/crates/model/build.rs")
  mkdir -p "$made/image/usr/local/bin" "$made/image/usr/local/lib"
  strip --strip-all -o "$made/image/usr/local/bin/almanac" "$2"
  install -m 0644 "$library"*/libonnxruntime.so "$made/image/usr/local/lib/"
  {
    sed -n '/^ARG [A-Z]*_IMAGE=/p' "$ROOT/Dockerfile"
    printf 'FROM scratch AS build\nCOPY . /\n'
    # shellcheck disable=SC2016 # the name of a build argument
    sed -n '/^FROM ${RUNTIME_IMAGE}/,$p' "$ROOT/Dockerfile"
  } >"$SCRATCH/Dockerfile"
  docker build --tag "$1" --file "$SCRATCH/Dockerfile" "$made" && docker run --rm "$1" --version
}

no_shell() {
  ! docker run --rm --entrypoint /bin/sh "$1" -c true 2>/dev/null
}

# start_container IMAGE [DOCKER ARGUMENT...]: starts a container and waits until it is ready.
# Sets CONTAINER, ADDRESS and URL.
start_container() {
  local image=$1
  shift
  CONTAINER=$(docker run --detach --publish 127.0.0.1::8080 "$@" "$image")
  CONTAINERS+=("$CONTAINER")
  ADDRESS=$(docker port "$CONTAINER" 8080/tcp | head -n 1)
  URL=http://$ADDRESS
  if ! eventually 60 is_ready; then
    docker logs "$CONTAINER"
    echo 'the container does not become ready'
    return 1
  fi
}

# stop_container: sends SIGTERM, and succeeds if the container exits with 0 within the grace period.
stop_container() {
  local status
  docker stop --time 30 "$CONTAINER" >/dev/null
  status=$(docker inspect --format '{{.State.ExitCode}}' "$CONTAINER")
  docker rm "$CONTAINER" >/dev/null
  echo "exit status $status"
  [[ $status == 0 ]]
}
