#!/usr/bin/env bash
# Builds substitutes for the two base images of the Dockerfile, on machines that cannot pull them.
#
#   deploy/image/base-images.sh [--build NAME | --without-build] [--runtime NAME]
#
# They are built from Debian's packages (mmdebstrap, as root) and from this machine's Rust toolchain, and
# have the names of the images in the Dockerfile, so that `docker build` needs no registry. An existing image
# is not replaced. The certificate authorities that this machine trusts (SSL_CERT_FILE) are only added to the
# build image.

set -euo pipefail

BUILD=rust:1.95-slim-bookworm
RUNTIME=gcr.io/distroless/cc-debian12:nonroot
DOCKER=${DOCKER:-docker}

while (($# > 0)); do
  case $1 in
    --build) BUILD=$2 && shift ;;
    --without-build) BUILD='' ;;
    --runtime) RUNTIME=$2 && shift ;;
    --help) sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$0" && exit 0 ;;
    *) echo "unknown argument $1; see --help" >&2 && exit 64 ;;
  esac
  shift
done

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

have() {
  "$DOCKER" image inspect "$1" >/dev/null 2>&1
}

# Prints the file of this machine's package sources, in either of Debian's two formats.
package_sources() {
  local parts list
  eval "$(apt-config shell parts Dir::Etc::sourceparts/d list Dir::Etc::sourcelist/f)"
  if [[ -f ${parts%/}/debian.sources ]]; then
    printf '%s\n' "${parts%/}/debian.sources"
  else
    printf '%s\n' "$list"
  fi
}

authorities() {
  # shellcheck disable=SC2046 # file names of Debian's own package
  cat $(dpkg -L ca-certificates | grep 'mozilla/.*crt$')
}

# Builds an image with glibc, libstdc++, certificate authorities and a user, without shell and package manager.
make_runtime() {
  authorities >"$WORK/mozilla.crt"
  cat >"$WORK/fill.sh" <<'FILL'
set -e
cd "${1:?the root of the image}"
mkdir -p etc/ssl/certs home/nonroot tmp
chmod 1777 tmp
printf 'root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532::/home/nonroot:/sbin/nologin\n' >etc/passwd
printf 'root:x:0:\nnonroot:x:65532:\n' >etc/group
cp "$AUTHORITIES" etc/ssl/certs/ca-certificates.crt
rm -rf usr/share/doc usr/share/locale usr/share/man usr/share/lintian var/cache var/lib/dpkg
FILL
  AUTHORITIES=$WORK/mozilla.crt mmdebstrap --quiet --variant=extract \
    --include=base-files,netbase,tzdata,libc6,libgcc-s1,libstdc++6 \
    --extract-hook="sh '$WORK/fill.sh' \"\$1\"" bookworm "$WORK/runtime.tar" "$(package_sources)"
  "$DOCKER" import -c 'USER 65532:65532' "$WORK/runtime.tar" "$RUNTIME"
}

# Builds a small Debian image with a C linker and this machine's Rust.
make_build() {
  local sysroot
  sysroot=$(rustc --print sysroot)
  local hooks=()
  if [[ -n ${SSL_CERT_FILE:-} ]]; then
    hooks=(--customize-hook="upload $SSL_CERT_FILE /etc/ssl/certs/ca-certificates.crt")
  fi
  mmdebstrap --quiet --variant=minbase --include=ca-certificates,gcc,libc6-dev,python3-pip,binutils \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook="tar -C $sysroot -c bin lib libexec 2>/dev/null | tar -C \"\$1/usr/local\" -x" \
    "${hooks[@]}" bookworm "$WORK/build.tar" "$(package_sources)"
  "$DOCKER" import -c 'CMD ["bash"]' "$WORK/build.tar" "$BUILD"
}

command -v mmdebstrap >/dev/null || apt-get install -y --no-install-recommends mmdebstrap
have "$RUNTIME" || make_runtime
[[ -z $BUILD ]] || have "$BUILD" || make_build
"$DOCKER" image ls --format '{{.Repository}}:{{.Tag}} {{.Size}}'
