# shellcheck shell=bash disable=SC2034
# Functions that run a real Kubernetes control plane and a node. Sourced after lib.sh and docker.sh.

# The last Debian source package with all of Kubernetes, and not only its client.
KUBERNETES=1.20.2
CONTROL_PLANE=$CACHE/kubernetes-$KUBERNETES
CLUSTER_PROGRAMS=(kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy)

# Builds the five programs of the cluster from Debian's source package, once per machine. This takes 7 to
# 25 minutes and 6 GB of temporary space, of which 390 MB are kept. Sets REASON on failure.
build_control_plane() {
  [[ -x $CONTROL_PLANE/kube-proxy ]] && return
  REASON='the control plane is built from a Debian source package, which takes root and apt-get'
  [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null || return 1
  local work=$SCRATCH/kubernetes log=$CONTROL_PLANE.log
  mkdir -p "$work" "$CACHE"
  printf 'builds Kubernetes %s, which takes 7 to 25 minutes; its output goes to %s\n' "$KUBERNETES" "$log"
  REASON="the control plane does not build, see $log"
  (
    cd "$work"
    fetch_kubernetes && patch_kubernetes && make_kubernetes
  ) >"$log" 2>&1 || return 1
  rm -rf "$CONTROL_PLANE"
  mv "$work/bin" "$CONTROL_PLANE"
  rm -rf "$work" "$log"
}

# Downloads the source package with separate package lists, so that those of the machine do not change.
fetch_kubernetes() {
  local parts options
  apt-get update -q
  apt-get install -y --no-install-recommends golang-go golang-github-modern-go-reflect2-dev \
    dpkg-dev jq make rsync || return 1
  eval "$(apt-config shell parts Dir::Etc::sourceparts/d)"
  mkdir -p apt/lists/partial apt/cache/archives/partial apt/parts
  sed 's/^Types: deb$/Types: deb-src/' "$parts/debian.sources" >apt/parts/source.sources
  options=(-o Dir::Etc::sourcelist=- -o "Dir::Etc::sourceparts=$PWD/apt/parts"
    -o "Dir::State::lists=$PWD/apt/lists" -o "Dir::Cache=$PWD/apt/cache")
  apt-get "${options[@]}" update -q && apt-get "${options[@]}" source -q kubernetes || return 1
  # The version of the package is 1.20.5+really1.20.2.
  mv kubernetes-*"$KUBERNETES"/ source
}

# Patches the source for current versions of Go, and for machines that cannot lower OOM scores.
patch_kubernetes() {
  local reflect=source/vendor/github.com/modern-go/reflect2 packaged
  packaged=$(dirname "$(dpkg -L golang-github-modern-go-reflect2-dev | grep '/unsafe_map\.go$')")
  # The vendored 1.0.1 crashes the API server under Go 1.18 and later.
  rm -f "$reflect"/*.go "$reflect"/*.s
  cp "$packaged"/*.go "$packaged"/*.s "$reflect/"
  rm -f "$reflect"/*_test.go
  sed -i 's/defaultSandboxOOMAdj int = -998/defaultSandboxOOMAdj int = 0/' \
    source/pkg/kubelet/dockershim/docker_sandbox.go
  sed -i -E 's/(guaranteedOOMScoreAdj +int = )-997/\10/' source/pkg/kubelet/qos/policy.go
}

make_kubernetes() {
  local program
  mkdir -p bin source/.go/src/k8s.io
  ln -sfn ../../.. source/.go/src/k8s.io/kubernetes
  GOPATH=$PWD/source/.go GOCACHE=$PWD/gocache HOME=$PWD CGO_ENABLED=0 GOLDFLAGS='-s -w' \
    KUBE_GIT_COMMIT=debian KUBE_GIT_TREE_STATE=clean KUBE_GIT_VERSION=v$KUBERNETES \
    KUBE_GIT_MAJOR=1 KUBE_GIT_MINOR=20 nice -n 19 make -C source WHAT="$(printf 'cmd/%s ' "${CLUSTER_PROGRAMS[@]}")" || return 1
  for program in "${CLUSTER_PROGRAMS[@]}"; do
    cp "source/_output/local/bin/linux/$(dpkg --print-architecture)/$program" bin/
  done
}

# --- A cluster on this machine

CLUSTER=$SCRATCH/cluster
NODE=node1
# The kernel settings that the cluster changes; their previous values are restored at the end.
KERNEL_SETTINGS=(net.ipv4.conf.all.route_localnet net.ipv4.ip_forward net.bridge.bridge-nf-call-iptables
  vm.overcommit_memory vm.panic_on_oom kernel.panic kernel.panic_on_oops)
# Folders that the kubelet creates regardless of its options.
KUBELET_FOLDERS=(/var/lib/dockershim /var/lib/kubelet /var/log/containers /var/log/pods)
CLUSTER_STARTED=()

kubectl() { command kubectl --kubeconfig "$CLUSTER/kubeconfig" "$@" 2> >(grep -v 'version difference' >&2); }

# start_cluster: starts a control plane and one node, which listen on loopback only. Takes 20 s.
start_cluster() {
  local address etcd peer
  address=$(hostname -I | cut -d' ' -f1)
  etcd=http://127.0.0.1:$(free_port) peer=http://127.0.0.1:$(free_port)
  API=https://127.0.0.1:$(free_port)
  mkdir -p "$CLUSTER" && cd "$CLUSTER" || return 1
  save_state
  make_credentials || return 1
  make_pause_image || return 1
  start_part etcd --data-dir etcd --unsafe-no-fsync --listen-client-urls "$etcd" \
    --advertise-client-urls "$etcd" --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" \
    --initial-cluster "default=$peer"
  start_part kube-apiserver --etcd-servers="$etcd" --bind-address=127.0.0.1 --advertise-address="$address" \
    --secure-port="${API##*:}" --cert-dir=certificates --service-cluster-ip-range=10.96.0.0/16 \
    --service-account-key-file=accounts.pub --service-account-signing-key-file=accounts.key \
    --service-account-issuer=https://kubernetes.default.svc --token-auth-file=tokens.csv \
    --authorization-mode=RBAC --kubelet-preferred-address-types=InternalIP
  eventually 60 kubectl get --raw /readyz || return 1
  start_part kube-controller-manager --kubeconfig=kubeconfig --service-account-private-key-file=accounts.key \
    --leader-elect=false --bind-address=127.0.0.1 --port=0 --secure-port="$(free_port)"
  start_part kube-scheduler --kubeconfig=kubeconfig --leader-elect=false --bind-address=127.0.0.1 \
    --port=0 --secure-port="$(free_port)"
  start_node "$address"
  cd "$ROOT" || return 1
  eventually 60 node_is_ready
}

# start_node ADDRESS: starts the kubelet, which runs pods on the Docker engine, and kube-proxy.
start_node() {
  start_part kubelet --kubeconfig=kubeconfig --hostname-override="$NODE" --node-ip="$1" --address=127.0.0.1 \
    --port="$(free_port)" --read-only-port=0 --healthz-port=0 --authorization-mode=AlwaysAllow --anonymous-auth=true \
    --pod-infra-container-image="$PAUSE_IMAGE" --cgroup-driver=cgroupfs --cgroups-per-qos=false \
    --enforce-node-allocatable= --fail-swap-on=false --eviction-hard= --root-dir="$CLUSTER/kubelet" \
    --cert-dir="$CLUSTER/kubelet-certificates" --volume-plugin-dir="$CLUSTER/plugins" \
    --docker-endpoint="${DOCKER_HOST:-unix:///var/run/docker.sock}"
  start_part kube-proxy --kubeconfig=kubeconfig --proxy-mode=iptables --hostname-override="$NODE" \
    --cluster-cidr="$(docker network inspect bridge --format '{{(index .IPAM.Config 0).Subnet}}')" \
    --bind-address=127.0.0.1 --nodeport-addresses=127.0.0.0/8 --conntrack-max-per-core=0 \
    --healthz-bind-address="127.0.0.1:$(free_port)" --metrics-bind-address="127.0.0.1:$(free_port)" \
    --conntrack-tcp-timeout-established=0 --conntrack-tcp-timeout-close-wait=0
}

# start_part PROGRAM [ARGUMENT...]: starts a program in the background, with its own log.
start_part() {
  local program=$1
  shift
  [[ ! -x $CONTROL_PLANE/$program ]] || program=$CONTROL_PLANE/$program
  "$program" "$@" >"$CLUSTER/${program##*/}.log" 2>&1 &
  CLUSTER_STARTED+=($!)
}

node_is_ready() {
  [[ $(kubectl get node "$NODE" --output 'jsonpath={.status.conditions[?(@.type=="Ready")].status}') == True ]]
}

make_credentials() {
  TOKEN=$(openssl rand -hex 16)
  openssl genrsa -out accounts.key 2048 2>/dev/null
  openssl rsa -in accounts.key -pubout -out accounts.pub 2>/dev/null
  printf '%s,admin,admin,system:masters\n' "$TOKEN" >tokens.csv
  cat >kubeconfig <<CONFIG
apiVersion: v1
kind: Config
clusters: [{name: here, cluster: {server: "$API", insecure-skip-tls-verify: true}}]
users: [{name: admin, user: {token: "$TOKEN"}}]
contexts: [{name: here, context: {cluster: here, user: admin}}]
current-context: here
CONFIG
}

# Every pod has a container that holds its network; its usual image cannot be pulled.
PAUSE_IMAGE=local/pause:e2e
make_pause_image() {
  cat >pause.c <<'PROGRAM'
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
static void leave(int signal) { exit(0); }
static void reap(int signal) { while (waitpid(-1, NULL, WNOHANG) > 0); }
int main(void) {
  signal(SIGTERM, leave);
  signal(SIGINT, leave);
  signal(SIGCHLD, reap);
  for (;;) pause();
}
PROGRAM
  cc -static -O1 -o pause pause.c
  tar --create pause | docker import --change 'ENTRYPOINT ["/pause"]' - "$PAUSE_IMAGE" >/dev/null
}

save_state() {
  local setting folder
  for setting in "${KERNEL_SETTINGS[@]}"; do
    sysctl --values "$setting" 2>/dev/null | sed "s/^/$setting=/"
  done >"$CLUSTER/kernel"
  for folder in "${KUBELET_FOLDERS[@]}"; do
    [[ -e $folder ]] || printf '%s\n' "$folder"
  done >"$CLUSTER/folders"
}

# end_cluster: ends all programs of start_cluster, and restores the kernel settings and the disk.
end_cluster() {
  local pid idx setting folder
  # In reverse order of start: the kubelet must not restart removed containers.
  for ((idx = ${#CLUSTER_STARTED[@]} - 1; idx >= 0; idx--)); do
    pid=${CLUSTER_STARTED[idx]}
    kill -TERM "$pid" 2>/dev/null && eventually 10 has_ended "$pid" || kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  [[ -e $CLUSTER/folders ]] || return 0
  docker ps --all --quiet --filter name=^k8s_ --filter label=io.kubernetes.pod.namespace |
    xargs --no-run-if-empty "$DOCKER" rm --force >/dev/null 2>&1 || true
  docker rmi "$PAUSE_IMAGE" >/dev/null 2>&1 || true
  awk -v root="$CLUSTER/" 'index($2, root) == 1 { print $2 }' /proc/mounts | sort --reverse |
    xargs --no-run-if-empty umount 2>/dev/null || true
  # Rules of the Docker engine do not contain this word.
  iptables-save | grep -v KUBE | iptables-restore || true
  while IFS= read -r setting; do sysctl --quiet --write "$setting" 2>/dev/null || true; done <"$CLUSTER/kernel"
  while IFS= read -r folder; do rm -rf "$folder"; done <"$CLUSTER/folders"
}

has_ended() { ! kill -0 "$1"; }
