#!/usr/bin/env bash
# Verifies that deploy/aws creates a working service, on an AWS emulator with real containers.
#
#   tests/e2e/aws.sh [--image IMAGE]
#
# Runs all steps of deploy/aws/deploy.sh: repository, login, push, Terraform, a forecast through the load balancer. Then a rolling update under
# load, an image that cannot start and is rolled back, the permissions of the task role on a bucket of models, a model from that bucket and its
# next version, and the tear-down. IMAGE is a local image. Without it a stub answers, a shell script that serves two paths, and the steps with
# models are skipped.
#
# The emulator pulls from its own registry and starts containers on the local Docker engine. It sends requests without waiting for health checks,
# and sets no limits on containers, so neither is tested here.

source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/lib_aws.sh"

IMAGE=''
while (($# > 0)); do
  case $1 in
    --help) usage && exit 0 ;;
    --image) IMAGE=$2 && shift ;;
    *) usage >&2 && exit 64 ;;
  esac
  shift
done

lacks() {
  terraform_lacks
  command -v docker >/dev/null || { echo 'there is no docker' && return; }
  docker info >/dev/null 2>&1 || echo 'no Docker engine answers'
}

# stand_in NAME: builds a stub image that answers the requests of this script and no others.
stand_in() {
  local folder=$SCRATCH/stand-in
  need busybox busybox-static || return 1
  mkdir -p "$folder/bin"
  cp "$(command -v busybox)" "$folder/bin/busybox"
  cat >"$folder/handler" <<'HANDLER'
#!/bin/busybox sh
read -r method path version
length=0
while IFS= read -r line; do
  line=${line%?}
  [ -n "$line" ] || break
  case $line in [Cc]ontent-[Ll]ength:*) length=${line##*: } ;; esac
done
[ "$length" = 0 ] || /bin/busybox head -c "$length" >/dev/null
case $path in
  /forecast* | /readyz | /healthz) status='200 OK' body='{"model":{"name":"stand-in"},"forecasts":[]}' ;;
  *) status='404 Not Found' body='{}' ;;
esac
printf 'HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %s\r\nconnection: close\r\n\r\n%s' "$status" "${#body}" "$body"
HANDLER
  chmod +x "$folder/handler"
  tar -C "$folder" -c . | docker import --change 'USER 65532:65532' --change 'CMD ["serve"]' \
    --change 'ENTRYPOINT ["/bin/busybox", "nc", "-ll", "-p", "8080", "-e", "/handler"]' - "$1" >/dev/null
}

# Containers and images whose name contains the port of the emulator belong to this run.
clean_up() {
  local registry=${EMULATOR#http://}
  if [[ -n $registry ]]; then
    end_load
    # The emulator first, because it restarts removed containers.
    kill "${STARTED[@]}" 2>/dev/null || true
    docker ps --all --format '{{.ID}} {{.Image}}' | awk -v host="$registry/" 'index($2, host) == 1 { print $1 }' |
      xargs --no-run-if-empty docker rm --force >/dev/null 2>&1 || true
    docker images --format '{{.Repository}}:{{.Tag}}' | grep "^$registry/" | xargs --no-run-if-empty docker rmi >/dev/null 2>&1 || true
    docker rmi "$BROKEN" "$SECOND" ${MADE:+"$MADE"} >/dev/null 2>&1 || true
  fi
  end_started
}

deploy() {
  "$COPY/aws/deploy.sh" --emulator "$EMULATOR" --region us-east-1 --yes --image "$IMAGE" --var-file "$SCRATCH/models.tfvars" "$@"
}

deploy_second() {
  IMAGE=$SECOND deploy --tag v2
}

# lb_status PATH [CURL ARGUMENT...]: prints the status of the response through the load balancer; the body goes to $SCRATCH/body.
lb_status() {
  URL=$EMULATOR status_of "$1" --header 'Host: almanac.alb.localhost' "${@:2}"
}

answers() {
  local expected=$1
  shift
  [[ $(lb_status "$@") == "$expected" ]] || { cat "$SCRATCH/body" && return 1; }
}

# Sends requests sequentially until end_load, and writes the status and the error code of each to a line of $SCRATCH/load.
begin_load() {
  touch "$SCRATCH/loading"
  (
    trap - EXIT
    while [[ -e $SCRATCH/loading ]]; do
      status=$(curl --silent --max-time 10 --output "$SCRATCH/load.body" --write-out '%{http_code}' \
        --header 'Host: almanac.alb.localhost' "$EMULATOR/forecast" --data '{"values":[1,2,3,4],"horizon":2}' || true)
      printf '%s %s\n' "$status" "$(sed -n 's/.*"code":"\([a-z_]*\)".*/\1/p' "$SCRATCH/load.body")"
    done >"$SCRATCH/load"
  ) &
  LOAD=$!
}

end_load() {
  rm -f "$SCRATCH/loading"
  [[ -z ${LOAD:-} ]] || wait "$LOAD" || true
  LOAD=''
}

# The emulator sends requests to a task as soon as its container runs. Such a request may be answered with model_loading and a
# time to wait; no other request may fail.
nothing_failed() {
  sort "$SCRATCH/load" | uniq -c
  ! grep -qvxE '200 |503 model_loading' "$SCRATCH/load" && (($(grep -c '^200' "$SCRATCH/load") >= 10))
}

images_running() {
  docker ps --format '{{.ID}}' | xargs --no-run-if-empty docker inspect --format '{{.Config.Image}}' | grep "^${EMULATOR#http://}/"
}

# The emulator starts an image by its digest.
only_tag_runs() {
  local digest
  digest=$(aws ecr describe-images --repository-name almanac --image-ids "imageTag=$1" --query 'imageDetails[0].imageDigest' --output text)
  images_running
  [[ $(images_running | sort -u) == "${EMULATOR#http://}/almanac@$digest" ]]
}

task_settings() {
  docker ps --format '{{.ID}} {{.Names}}' | awk '/ministack-ecs-.*-almanac$/ { print $1 }' |
    xargs docker inspect --format '{{.Config.User}} {{.Config.Cmd}} {{range .Config.Env}}{{.}} {{end}}'
}

settings_arrived() {
  task_settings >"$SCRATCH/settings"
  cat "$SCRATCH/settings"
  grep -q '^65532:65532 \[serve\]' "$SCRATCH/settings"
  grep -q 'ALMANAC_DRAIN_DELAY=15s' "$SCRATCH/settings"
  grep -q 'ALMANAC_MODELS=embedded: ' "$SCRATCH/settings"
  grep -q 'ALMANAC_EMF=true' "$SCRATCH/settings"
}

# Checks the log events that CloudWatch turns into metrics; the emulator does not.
metrics_arrived() {
  aws logs filter-log-events --log-group-name /ecs/almanac --query 'events[].message' --output text >"$SCRATCH/events"
  grep -c '"_aws":{"Timestamp":' "$SCRATCH/events"
  grep -q '"Service":"almanac"' "$SCRATCH/events"
}

# changed_image NAME CHANGE: creates the image NAME, with one more Dockerfile instruction.
changed_image() {
  local container
  container=$(docker create "$IMAGE")
  docker commit --change "$2" "$container" "$1"
  docker rm "$container"
}

deployment_fails() {
  local status=0
  IMAGE=$BROKEN deploy --tag v3 || status=$?
  ((status == 1)) && grep -q 'did not become healthy' "$SCRATCH/check"
}

# Creates a user with the policy of the task role, and writes its keys to $SCRATCH/reader: the emulator does not accept the keys that it
# issues to tasks.
make_reader() {
  local policy
  policy=$(aws iam get-role-policy --role-name almanac-task --policy-name read-models --query PolicyDocument --output json)
  aws iam create-user --user-name reader
  aws iam put-user-policy --user-name reader --policy-name read-models --policy-document "$policy"
  aws iam create-access-key --user-name reader --output text --query 'AccessKey.[AccessKeyId,SecretAccessKey]' >"$SCRATCH/reader"
  aws s3api create-bucket --bucket models
  for key in forecast/a/1/manifest.toml secret/key; do
    aws s3api put-object --bucket models --key "$key" --body "$0"
  done
}

as_reader() {
  local key secret
  read -r key secret <"$SCRATCH/reader"
  AWS_ACCESS_KEY_ID=$key AWS_SECRET_ACCESS_KEY=$secret aws s3api "$@" --bucket models
}

is_denied() {
  ! as_reader "$@" && grep -q -E 'AccessDenied|403' "$SCRATCH/check"
}

# --- A model from S3

# Prints the address of this machine on the network of the containers.
gateway() {
  docker network inspect bridge --format '{{(index .IPAM.Config 0).Gateway}}'
}

# open_door: forwards a port of the container network to the emulator, which listens on loopback only.
open_door() {
  python3 "$E2E/door.py" "$(gateway):${EMULATOR##*:}" "127.0.0.1:${EMULATOR##*:}" >"$SCRATCH/door.log" 2>&1 &
  STARTED+=("$!")
  eventually 20 curl --silent --output /dev/null "http://$(gateway):${EMULATOR##*:}/_ministack/health" || { cat "$SCRATCH/door.log" && return 1; }
}

# push_version VERSION: pushes a model to the bucket, with the program of the image.
push_version() {
  docker run --rm --network host --env AWS_ACCESS_KEY_ID=test --env AWS_SECRET_ACCESS_KEY=test --env AWS_REGION=us-east-1 "$IMAGE" \
    models push embedded: s3://models/forecast --only seasonal --as "store/$1" --s3-endpoint "$EMULATOR" --s3-path-style
}

# deploy_models: deploys the service with the bucket as its source, and with the keys of the user with the policy of the task role.
deploy_models() {
  local key secret
  read -r key secret <"$SCRATCH/reader"
  cat >"$SCRATCH/models.tfvars" <<VARIABLES
models = { bucket = "models", prefix = "forecast/", default = "store" }
environment = {
  ALMANAC_S3_ENDPOINT   = "http://$(gateway):${EMULATOR##*:}"
  ALMANAC_S3_PATH_STYLE = "true"
  ALMANAC_WATCH         = "1s"
  AWS_ACCESS_KEY_ID     = "$key"
  AWS_SECRET_ACCESS_KEY = "$secret"
}
VARIABLES
  deploy --tag v2
}

# answered_by VERSION: succeeds if a forecast through the load balancer names the model and this version.
answered_by() {
  answers 200 /forecast --data '{"values":[112,118,132,129,121,135],"horizon":2}' &&
    cat "$SCRATCH/body" && grep -q "\"model\":{\"name\":\"store\",\"version\":\"$1\"" "$SCRATCH/body"
}

tasks() { docker ps --format '{{.ID}} {{.Names}}' | awk '/ministack-ecs-.*-almanac$/ { print $1 }' | sort; }

# two_read_s3: succeeds if two tasks run and both have S3 as their source. Tasks of the previous deployment
# may still be stopping when a new one answers.
two_read_s3() {
  task_settings >"$SCRATCH/settings"
  [[ $(wc -l <"$SCRATCH/settings") == 2 && $(grep -c 'ALMANAC_MODELS=s3:' "$SCRATCH/settings") == 2 ]]
}

# new_version_everywhere: succeeds if both tasks serve the second version and have not been replaced.
new_version_everywhere() {
  local task
  for task in $(tasks); do
    docker logs "$task" 2>&1 | grep -q '"message":"version has taken over".*"version":"2"' || return 1
  done
  tasks >"$SCRATCH/tasks.after"
  cmp "$SCRATCH/tasks" "$SCRATCH/tasks.after"
}

missing=$(lacks)
if [[ -n $missing ]]; then
  skip 'AWS' "$missing"
  finish
  exit
fi
EMULATOR=''
MADE=''
BROKEN='' SECOND=''
trap clean_up EXIT
use_terraform
export DOCKER_CONFIG=$SCRATCH/docker
COPY=$SCRATCH/deploy
mkdir -p "$COPY"
cp -r "$ROOT/deploy/aws" "$COPY/aws"
cat >"$SCRATCH/models.tfvars" <<'VARIABLES'
models        = { bucket = "models", prefix = "forecast/", sources = ["embedded:"] }
observability = { embedded_metrics = true }
environment   = { ALMANAC_EMF_INTERVAL = "2s" }
VARIABLES

# With AUTH the emulator checks signatures and policies.
check 'the emulator starts' start_emulator AUTH=true
BROKEN=almanac-broken:${EMULATOR##*:} SECOND=almanac-second:${EMULATOR##*:}
if [[ -z $IMAGE ]]; then
  skip 'the program itself' 'no --image, so a stub answers'
  IMAGE=almanac-stand-in:${EMULATOR##*:} MADE=$IMAGE
  check 'a stub image is built' stand_in "$IMAGE"
fi

check 'deploy.sh deploys the service and calls it' deploy --tag v1
check 'the load balancer forwards a forecast request' answers 200 /forecast --data '{"values":[1,2,3,4,5,6],"horizon":2}'
check '... and the response is a forecast' grep -q '"forecasts":\[' "$SCRATCH/body"
check 'the load balancer forwards no other path' answers 404 /metrics
check 'two tasks run' eventually 30 test "$(images_running | wc -l)" = 2
check 'a task does not run as root and has its settings' settings_arrived
if [[ -n $MADE ]]; then
  skip 'metrics in the log' 'the stub writes none'
else
  check 'metrics arrive in the log group, in the embedded metric format' eventually 60 metrics_arrived
fi

check 'a second image is created' changed_image "$SECOND" 'LABEL second=true'
begin_load
check 'the second tag is deployed under load' deploy_second
check 'only the second tag runs' eventually 60 only_tag_runs v2
end_load
check 'no request failed' nothing_failed
sed 's/^/        /' "$SCRATCH/check"

check 'an image that cannot start is created' changed_image "$BROKEN" 'ENTRYPOINT ["/nothing"]'
check 'a failed deployment is reported' deployment_fails
check 'the second tag still runs' only_tag_runs v2
check '... and answers' answers 200 /forecast --data '{"values":[1,2,3,4,5,6],"horizon":2}'

check 'a bucket of models and a user with the policy of the task role are created' make_reader
check 'the policy allows reading a model' as_reader get-object --key forecast/a/1/manifest.toml "$SCRATCH/object"
check 'the policy allows listing models' as_reader list-objects-v2 --prefix forecast/
check 'the policy denies reading other objects' is_denied get-object --key secret/key "$SCRATCH/object"
check 'the policy denies listing other prefixes' is_denied list-objects-v2
check 'the policy denies writing' is_denied put-object --key forecast/a/2/model.onnx --body "$0"

if [[ -z $MADE ]]; then
  check 'containers reach the emulator' open_door
  check 'a model is pushed to S3' push_version 1
  check 'the service is deployed with S3 as its source' deploy_models
  check 'a forecast names the model and its version' eventually 60 answered_by 1
  check 'two tasks remain, both of this deployment' eventually 120 two_read_s3
  check 'the tasks log the provider of their credentials' grep -q '"provider":"environment"' <(docker logs "$(tasks | head -n 1)" 2>&1)
  tasks >"$SCRATCH/tasks"
  check 'a second version is pushed' push_version 2
  check '... and answers without a deployment' eventually 60 answered_by 2
  check '... in both tasks, which were not replaced' eventually 60 new_version_everywhere
else
  skip 'a model from S3' 'no --image, so a stub answers'
fi

check 'deploy.sh destroys everything' deploy --destroy
check 'no task remains' test -z "$(images_running)"
check 'no repository remains' test -z "$(aws ecr describe-repositories --query 'repositories[].repositoryName' --output text)"
check 'no network remains' test -z "$(aws ec2 describe-vpcs --filters Name=tag:Name,Values=almanac --query 'Vpcs[].VpcId' --output text)"
finish
