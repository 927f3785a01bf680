#!/usr/bin/env bash
# Deploys the chart to a real Kubernetes control plane and node, and does to it what happens to clusters.
#
#   tests/e2e/kubernetes.sh [--image NAME] [--restarts N]
#
# The manifests that the chart renders are applied; pods become ready by their probes, without rights; a
# forecast comes through the Service. Under a constant load, of which no request may fail: rolling
# updates (N, 3 unless told), a drain of the node that the disruption budget holds back, a rollout that
# is stuck because its image does not exist, one because its pods never become ready. A process that is
# killed is started anew. Custom resources are checked by the server. Everything is deleted again.
#
# The control plane is Kubernetes 1.20.2, the newest that Debian's sources hold whole; it is built once,
# which takes 7 to 25 minutes. What of the chart it lacks is told. There is no network plugin (so the
# NetworkPolicy is only stored), no metrics server (so the autoscaler only holds its minimum), no
# controller of a cloud (so an Ingress is only stored). --image takes an image that is there, else it is built.

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

# That of the manifests in deploy.
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

# Sets REASON when not.
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

# Through the address that other pods use, by the rules of kube-proxy.
forecasts_inside() {
  local address
  address=$(in_namespace get service almanac --output 'jsonpath={.spec.clusterIP}')
  URL=http://$address:80 forecasts
}

# --- What a pod may do, as the kernel sees it

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

# --- What happens to clusters

begin_load() {
  rm -f "$SCRATCH/done"
  python3 "$E2E/rollout_load.py" --address "$ADDRESS" --clients 4 --until "$SCRATCH/done" >"$SCRATCH/load" 2>&1 &
  LOAD=$!
  STARTED+=("$LOAD")
}

# end_load NAME: ends it, and checks that nothing failed.
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
  # Those that drain still serve.
  eventually 90 has_pods 2
}

# The containers of pods that left since START: each ended by itself, before it would have been killed.
ended_well() {
  docker events --since "$START" --until "$(date +%s)" --filter event=die \
    --filter "label=io.kubernetes.pod.namespace=$NAMESPACE" --filter label=io.kubernetes.container.name=almanac \
    --format '{{.Actor.Attributes.exitCode}}' >"$SCRATCH/ended"
  sort "$SCRATCH/ended" | uniq -c
  [[ -s $SCRATCH/ended ]] && ! grep -qvx 0 "$SCRATCH/ended"
}

# stuck NAME COMMAND...: a change whose pods never become ready is not finished, and the old pods serve on.
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

# The budget lets one pod go at a time.
budget_holds() {
  local pods
  mapfile -t pods < <(of_pods '{.metadata.name}')
  [[ $(evict "${pods[0]}") == 201 ]] || { cat "$SCRATCH/eviction" && return 1; }
  [[ $(evict "${pods[1]}") == 429 ]] || { cat "$SCRATCH/eviction" && return 1; }
  grep -q 'disruption budget' "$SCRATCH/eviction"
}

# There is one node: while it is drained no new pod finds a place, so the budget must keep one. Only when the
# node takes pods again may the drain go on.
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

# A number where the manifest has a text, or the other way round.
refuses_wrong_type() {
  sed 's/^\( *\)endpointConfigName: .*/\1endpointConfigName: [1]/' "$ROOT/deploy/sagemaker/endpoint.yaml" >"$SCRATCH/wrong.yaml"
  ! taken "$SCRATCH/wrong.yaml" >"$SCRATCH/refused" 2>&1 && cat "$SCRATCH/refused" && grep -q 'endpointConfigName' "$SCRATCH/refused"
}

# --- The whole

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
check 'a forecast comes through the Service, by its port of the node' eventually 10 forecasts
check '... and by its address in the cluster' forecasts_inside
check 'the process is not root, has no capability and can get none' has_no_rights
check 'its root file system is read-only' has_read_only_root
check 'it plans for its limit of a quarter of a core' plans_for_its_limit

begin_load
began=$SECONDS
check "$RESTARTS rolling updates under load" roll
echo "        $((SECONDS - began)) s"
end_load '... and no request failed'
check 'every pod that left ended by itself, with 0' ended_well

begin_load
check 'the disruption budget lets one pod go and keeps the other' budget_holds
check 'the pod is replaced' eventually 120 has_ready_pods 2
check 'a drain of the node waits until it takes pods again' drain
check 'two pods are ready after it' eventually 120 has_ready_pods 2
end_load '... and no request failed'

begin_load
of_pods '{.metadata.name}' | sort >"$SCRATCH/pods.before"
check 'an image that does not exist leaves the old pods serving' \
  stuck image in_namespace set image deployment/almanac almanac=almanac:not-there
check '... and is undone' undo
of_pods '{.metadata.name}' | sort >"$SCRATCH/pods.before"
check 'pods that never become ready leave the old pods serving' \
  stuck model in_namespace set env deployment/almanac ALMANAC_DEFAULT_MODEL=nobody
check '... and are undone' undo
end_load '... and no request failed'

check 'a process that is killed is started anew' killed_and_back

check 'custom resources of KServe, SageMaker and Prometheus are defined' define_resources
for group in monitoring.coreos.com/v1 serving.kserve.io/v1beta1 sagemaker.services.k8s.aws/v1alpha1; do
  eventually 30 served "$group" || true
done
manifests cloud >"$SCRATCH/cloud.yaml" 2>/dev/null
check 'the server takes the manifests of EKS' taken "$SCRATCH/cloud.yaml"
while IFS= read -r file; do
  check "the server takes ${file#"$ROOT/"}" taken "$file"
done < <(find "$ROOT/deploy/kserve" "$ROOT/deploy/sagemaker" -name '*.yaml' | sort)
check 'the server refuses a wrong type' refuses_wrong_type

delete_all() {
  kubectl delete --filename "$SCRATCH/chart.yaml" --wait=false && eventually 90 has_pods 0
}
check 'everything is deleted, within the time that pods have' delete_all

finish
