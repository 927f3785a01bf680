#!/usr/bin/env bash
# Verifies the chart on a real Kubernetes control plane and node, during common events of a cluster.
#
#   tests/e2e/kubernetes.sh [--image NAME] [--restarts N]
#
# Applies the manifests that the chart renders; unprivileged pods become ready; the Service forwards a
# forecast request. Under a constant load, of which no request may fail: rolling updates (N, by default 3),
# a drain of the node that the disruption budget delays, a rollout that is stuck because its image does not
# exist, and one that is stuck because its pods never become ready. A killed process is restarted. The API
# server validates custom resources. Everything is deleted at the end.
#
# The control plane is Kubernetes 1.20.2, the newest version whose complete source is in Debian; it is built
# once, which takes 7 to 25 minutes. The script prints which parts of the chart it does not support. There is
# no network plugin (the NetworkPolicy is only stored), no metrics server (the autoscaler only keeps its
# minimum), and no cloud controller (an Ingress is only stored). --image uses an existing image; by default it
# is built.

source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/docker.sh"
source "$(dirname "$0")/lib_kubernetes.sh"

IMAGE='' RESTARTS=3
while (($# > 0)); do
  case $1 in
    --help) usage && exit 0 ;;
    --image) IMAGE=$2 && shift ;;
    --restarts) RESTARTS=$2 && shift ;;
    *) usage >&2 && exit 64 ;;
  esac
  shift
done

# The namespace of the manifests in deploy.
NAMESPACE=forecast
BODY='{"values":[112,118,132,129,121,135,148,148,136,119,104,118],"horizon":3}'
SELECTOR=app.kubernetes.io/name=almanac
SECOND=almanac:e2e-second

clean_up() {
  end_cluster
  docker rmi "$SECOND" >/dev/null 2>&1 || true
  end_containers
}
trap clean_up EXIT

# Succeeds if everything that the script needs is installed. Sets REASON on failure.
can_run() {
  docker_engine || return 1
  build_control_plane || return 1
  REASON='etcd, kubectl or a C compiler cannot be installed'
  need etcd etcd-server && need kubectl kubernetes-client && need cc build-essential && need openssl openssl &&
    need iptables iptables
}

in_namespace() { kubectl --namespace "$NAMESPACE" "$@"; }
manifests() { "$(deploy_python)" "$E2E/kubernetes_manifests.py" "$@" --namespace "$NAMESPACE"; }
of_pods() { in_namespace get pods --selector "$SELECTOR" --output "jsonpath={range .items[*]}$1{\"\\n\"}{end}"; }
ready_pods() { of_pods '{.status.conditions[?(@.type=="Ready")].status} {.metadata.deletionTimestamp}' | grep -c '^True $' || true; }
has_pods() { [[ $(of_pods '{.metadata.name}' | grep -c .) == "$1" ]]; }
has_ready_pods() { [[ $(ready_pods) == "$1" ]]; }
rolled_out() { in_namespace rollout status deployment/almanac --timeout "${1:-180s}"; }

apply_chart() {
  manifests chart --image "$IMAGE" >"$SCRATCH/chart.yaml" 2>"$SCRATCH/changes"
  kubectl create namespace "$NAMESPACE"
  kubectl apply --filename "$SCRATCH/chart.yaml"
}

forecasts() {
  [[ $(status_of /forecast --data "$BODY") == 200 ]] && grep -q '"forecasts":\[' "$SCRATCH/body"
}

# Calls the cluster IP, which other pods use, through the rules of kube-proxy.
forecasts_inside() {
  local address
  address=$(in_namespace get service almanac --output 'jsonpath={.spec.clusterIP}')
  URL=http://$address:80 forecasts
}

# --- The privileges of a pod in the kernel

process_of_pod() {
  docker ps --quiet --filter "label=io.kubernetes.pod.namespace=$NAMESPACE" \
    --filter label=io.kubernetes.container.name=almanac |
    head -n 1 | xargs "$DOCKER" inspect --format '{{.State.Pid}}'
}

has_no_rights() {
  local pid
  pid=$(process_of_pod)
  cat "/proc/$pid/status"
  grep -qP '^Uid:\t65532\t65532\t65532\t65532' "/proc/$pid/status" &&
    grep -qP '^Cap(Eff|Bnd):\t0+$' "/proc/$pid/status" &&
    grep -qP '^NoNewPrivs:\t1' "/proc/$pid/status" &&
    grep -qP '^Seccomp:\t2' "/proc/$pid/status"
}

has_read_only_root() {
  awk '$2 == "/" { print $4 }' "/proc/$(process_of_pod)/mounts" | tee /dev/stderr | grep -qE '^ro(,|$)'
}

plans_for_its_limit() {
  status_of /metrics && grep '^almanac_cpu_cores' "$SCRATCH/body" | tee /dev/stderr | grep -q ' 0.25$'
}

# --- Events of a cluster

begin_load() {
  rm -f "$SCRATCH/done"
  python3 "$E2E/rollout_load.py" --address "$ADDRESS" --clients 4 --until "$SCRATCH/done" >"$SCRATCH/load" 2>&1 &
  LOAD=$!
  STARTED+=("$LOAD")
}

# end_load NAME: ends the load, and checks that no request failed.
end_load() {
  touch "$SCRATCH/done"
  check "$1" wait "$LOAD"
  sed 's/^/        /' "$SCRATCH/load"
}

roll() {
  local roll image=$SECOND
  for ((roll = 0; roll < RESTARTS; roll++)); do
    in_namespace set image deployment/almanac "almanac=$image" || return 1
    rolled_out 300s || return 1
    if [[ $image == "$SECOND" ]]; then image=$IMAGE; else image=$SECOND; fi
  done
  # Draining pods still serve.
  eventually 90 has_pods 2
}

# Succeeds if every container that ended since START exited with 0 before the end of its grace period.
ended_well() {
  docker events --since "$START" --until "$(date +%s)" --filter event=die \
    --filter "label=io.kubernetes.pod.namespace=$NAMESPACE" --filter label=io.kubernetes.container.name=almanac \
    --format '{{.Actor.Attributes.exitCode}}' >"$SCRATCH/ended"
  sort "$SCRATCH/ended" | uniq -c
  [[ -s $SCRATCH/ended ]] && ! grep -qvx 0 "$SCRATCH/ended"
}

# stuck NAME COMMAND...: applies a change whose pods never become ready; succeeds if the rollout does not
# finish and the old pods still serve.
stuck() {
  shift
  "$@" || return 1
  eventually 60 has_new_pod || return 1
  ! rolled_out 30s || return 1
  has_ready_pods 2
}

has_new_pod() {
  of_pods '{.metadata.name}' | sort >"$SCRATCH/pods.now"
  comm -13 "$SCRATCH/pods.before" "$SCRATCH/pods.now" | grep -q .
}

undo() {
  in_namespace rollout undo deployment/almanac && rolled_out && eventually 90 has_pods 2 && has_ready_pods 2
}

evict() {
  curl --silent --insecure --output "$SCRATCH/eviction" --write-out '%{http_code}' --header "Authorization: Bearer $TOKEN" \
    --header 'Content-Type: application/json' "$API/api/v1/namespaces/$NAMESPACE/pods/$1/eviction" \
    --data "{\"apiVersion\":\"policy/v1beta1\",\"kind\":\"Eviction\",\"metadata\":{\"name\":\"$1\",\"namespace\":\"$NAMESPACE\"}}"
}

# The budget allows one eviction at a time.
budget_holds() {
  local pods
  mapfile -t pods < <(of_pods '{.metadata.name}')
  [[ $(evict "${pods[0]}") == 201 ]] || { cat "$SCRATCH/eviction" && return 1; }
  [[ $(evict "${pods[1]}") == 429 ]] || { cat "$SCRATCH/eviction" && return 1; }
  grep -q 'disruption budget' "$SCRATCH/eviction"
}

# There is one node: while it is drained no new pod can be scheduled, so the budget must keep one pod. The
# drain may only continue once the node is schedulable again.
drain() {
  local drained status=0
  kubectl drain "$NODE" --pod-selector "$SELECTOR" --delete-emptydir-data --timeout 300s &
  drained=$!
  if eventually 60 has_ready_pods 1; then
    forecasts && kubectl uncordon "$NODE" || status=1
  else
    status=1
  fi
  wait "$drained" || status=1
  kubectl uncordon "$NODE"
  return "$status"
}

restarted() { of_pods '{.status.containerStatuses[0].restartCount}' | grep -qx 1; }

killed_and_back() {
  kill -KILL "$(process_of_pod)"
  eventually 60 restarted && eventually 60 has_ready_pods 2
}

# --- Custom resources

served() { kubectl get --raw "/apis/$1" >/dev/null; }

define_resources() {
  manifests definitions >"$SCRATCH/definitions.yaml"
  kubectl apply --filename "$SCRATCH/definitions.yaml" || return 1
  kubectl wait --for condition=established --timeout 60s --filename "$SCRATCH/definitions.yaml"
}

taken() { kubectl apply --dry-run=server --filename "$1"; }

# Replaces a string of the manifest by a list.
refuses_wrong_type() {
  sed 's/^\( *\)endpointConfigName: .*/\1endpointConfigName: [1]/' "$ROOT/deploy/sagemaker/endpoint.yaml" >"$SCRATCH/wrong.yaml"
  ! taken "$SCRATCH/wrong.yaml" >"$SCRATCH/refused" 2>&1 && cat "$SCRATCH/refused" && grep -q 'endpointConfigName' "$SCRATCH/refused"
}

# --- The checks

if ! can_run; then
  skip 'Kubernetes' "$REASON"
  finish
  exit
fi
if [[ -z $IMAGE ]]; then
  IMAGE=almanac:e2e
  check 'the image builds' build_image "$IMAGE"
fi
docker tag "$IMAGE" "$SECOND"

began=$SECONDS
check "Kubernetes $KUBERNETES starts" start_cluster
echo "        $((SECONDS - began)) s"
START=$(date +%s)
check 'the manifests of the chart are applied' apply_chart
sed 's/^/        /' "$SCRATCH/changes"
began=$SECONDS
check 'the deployment is rolled out' rolled_out
check 'the autoscaler holds its minimum of two pods' eventually 120 has_ready_pods 2
echo "        two pods are ready after $((SECONDS - began)) s"
ADDRESS=127.0.0.1:$(in_namespace get service almanac --output 'jsonpath={.spec.ports[0].nodePort}')
URL=http://$ADDRESS
check 'the Service forwards a forecast request to its node port' eventually 10 forecasts
check '... and to its cluster IP' forecasts_inside
check 'the process is not root and can gain no capabilities' has_no_rights
check 'its root file system is read-only' has_read_only_root
check 'it detects its limit of a quarter of a core' plans_for_its_limit

begin_load
began=$SECONDS
check "$RESTARTS rolling updates under load" roll
echo "        $((SECONDS - began)) s"
end_load '... and no request failed'
check 'every stopped pod exited with 0' ended_well

begin_load
check 'the disruption budget allows one eviction and refuses the second' budget_holds
check 'the pod is replaced' eventually 120 has_ready_pods 2
check 'a drain waits until the node is schedulable again' drain
check 'two pods are ready afterwards' eventually 120 has_ready_pods 2
end_load '... and no request failed'

begin_load
of_pods '{.metadata.name}' | sort >"$SCRATCH/pods.before"
check 'the old pods still serve while an image does not exist' \
  stuck image in_namespace set image deployment/almanac almanac=almanac:not-there
check '... and the rollout is undone' undo
of_pods '{.metadata.name}' | sort >"$SCRATCH/pods.before"
check 'the old pods still serve while new pods do not become ready' \
  stuck model in_namespace set env deployment/almanac ALMANAC_DEFAULT_MODEL=unknown
check '... and this rollout is undone' undo
end_load '... and no request failed'

check 'a killed process is restarted' killed_and_back

check 'custom resources of KServe, SageMaker and Prometheus are defined' define_resources
for group in monitoring.coreos.com/v1 serving.kserve.io/v1beta1 sagemaker.services.k8s.aws/v1alpha1; do
  eventually 30 served "$group" || true
done
manifests cloud >"$SCRATCH/cloud.yaml" 2>/dev/null
check 'the API server accepts the manifests for EKS' taken "$SCRATCH/cloud.yaml"
while IFS= read -r file; do
  check "the API server accepts ${file#"$ROOT/"}" taken "$file"
done < <(find "$ROOT/deploy/kserve" "$ROOT/deploy/sagemaker" -name '*.yaml' | sort)
check 'the API server rejects a wrong type' refuses_wrong_type

delete_all() {
  kubectl delete --filename "$SCRATCH/chart.yaml" --wait=false && eventually 90 has_pods 0
}
check 'everything is deleted within the grace period of the pods' delete_all

finish
