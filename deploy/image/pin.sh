#!/usr/bin/env bash
# Pins the base images of the Dockerfile by digest.
#
#   deploy/image/pin.sh [--write] [--dockerfile FILE]
#
# Pulls each base image and prints its name with the digest that its registry gave. --write replaces
# the names in the Dockerfile, so that a build uses exactly these images. Needs Docker and a reachable
# registry; the images that are published are built this way.
#
# Examples:
#   deploy/image/pin.sh
#   deploy/image/pin.sh --write && docker build -t almanac .

set -euo pipefail

DOCKERFILE=$(dirname "$0")/../../Dockerfile
DOCKER=${DOCKER:-docker}
WRITE=false
while (($# > 0)); do
  case $1 in
    --write) WRITE=true ;;
    --dockerfile) DOCKERFILE=$2 && shift ;;
    --help) sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$0" && exit 0 ;;
    *) echo "unknown argument $1; see --help" >&2 && exit 64 ;;
  esac
  shift
done

while read -r argument image; do
  if [[ $image == *@sha256:* ]]; then
    echo "$argument=$image"
    continue
  fi
  "$DOCKER" pull --quiet "$image" >/dev/null
  # The repository, without the tag, with the digest of the manifest.
  pinned=$("$DOCKER" image inspect --format '{{index .RepoDigests 0}}' "$image")
  pinned=$image@${pinned#*@}
  echo "$argument=$pinned"
  if [[ $WRITE == true ]]; then
    sed -i "s#^ARG $argument=.*#ARG $argument=$pinned#" "$DOCKERFILE"
  fi
done < <(sed -n 's/^ARG \([A-Z]*_IMAGE\)=/\1 /p' "$DOCKERFILE")
