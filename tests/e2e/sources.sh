#!/usr/bin/env bash
# Verifies that models are pushed to, pulled from and served from S3 and MLflow servers, and that a failing
# server never affects loaded models.
#
#   tests/e2e/sources.sh [--binary PATH]
#
# S3 is emulated by ministack, which checks signatures and policies; MLflow is the real server. A proxy in
# front of S3 (fault_proxy.py) injects faults.

source "$(dirname "$0")/lib.sh"
parse_arguments "$@"
cd "$ROOT"

MINISTACK=1.5.33
MLFLOW=3.17.2

# Prints the folder of an environment with the servers. It is created once.
servers_home() {
  local home=$CACHE/sources-$MINISTACK-$MLFLOW-onnx
  if [[ ! -x $home/bin/mlflow ]]; then
    uv venv --quiet --clear --relocatable "$home.part"
    uv pip install --quiet --python "$home.part/bin/python" \
      "ministack==$MINISTACK" "mlflow==$MLFLOW" boto3==1.43.106 onnx==1.22.0 onnxruntime==1.31.1
    rm -rf "$home" && mv "$home.part" "$home"
  fi
  printf '%s\n' "$home"
}

# --- The servers

HOME_OF_SERVERS=$(servers_home)
unset AWS_CA_BUNDLE AWS_PROFILE AWS_SESSION_TOKEN AWS_ENDPOINT_URL AWS_ENDPOINT_URL_S3 AWS_REGION
export AWS_EC2_METADATA_DISABLED=true AWS_DEFAULT_REGION=us-east-1
export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null XDG_CACHE_HOME=$SCRATCH/cache

port=$(free_port)
EMULATOR=127.0.0.1:$port
env AUTH=true BIND_HOST=127.0.0.1 "GATEWAY_PORT=$port" SFTP_ENABLED=0 IOT_MTLS_ENABLED=0 \
  "$HOME_OF_SERVERS/bin/ministack" >"$SCRATCH/ministack.log" 2>&1 &
STARTED+=("$!")
eventually 60 curl --silent --fail --max-time 2 --output /dev/null "http://$EMULATOR/_ministack/health" ||
  { cat "$SCRATCH/ministack.log" && exit 1; }
"$HOME_OF_SERVERS/bin/python" "$E2E/sources_setup.py" "http://$EMULATOR" >"$SCRATCH/keys"
{ read -r AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY; read -r STRANGER STRANGER_SECRET; } <"$SCRATCH/keys"
export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY

# start_proxy NAME TARGET: starts a proxy, and sets NAME to its address. $SCRATCH/NAME.fault has the fault.
start_proxy() {
  printf none >"$SCRATCH/$1.fault"
  python3 "$E2E/fault_proxy.py" "$SCRATCH/$1.port" "$SCRATCH/$1.log" "$2" "$SCRATCH/$1.fault" &
  STARTED+=("$!")
  eventually 20 test -s "$SCRATCH/$1.port"
  printf -v "$1" '127.0.0.1:%s' "$(<"$SCRATCH/$1.port")"
}
fault() { printf '%s' "$1" >"$SCRATCH/S3.fault"; }
start_proxy S3 "$EMULATOR"

# start_mlflow NAME ARGUMENT...: starts MLflow, and sets NAME to its address without waiting for it. A
# restarted server keeps its address.
declare -A MLFLOW_PID
PROXIED='' STORED=''
start_mlflow() {
  local name=$1 port=${!1##*:}
  [[ -n $port ]] || port=$(free_port)
  shift
  # In a separate session, so that the server and its children can be ended together.
  (cd "$SCRATCH" && exec setsid env MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false "MLFLOW_S3_ENDPOINT_URL=http://$EMULATOR" \
    "$HOME_OF_SERVERS/bin/mlflow" server --host 127.0.0.1 --port "$port" --workers 1 \
    --backend-store-uri "sqlite:///$SCRATCH/$name.db" "$@") >"$SCRATCH/$name.log" 2>&1 &
  STARTED+=("$!")
  MLFLOW_PID[$name]=$!
  printf -v "$name" 'http://127.0.0.1:%s' "$port"
}

# await_mlflow NAME: waits until MLflow answers.
await_mlflow() {
  eventually 300 curl --silent --fail --max-time 2 --output /dev/null "${!1}/health" ||
    { cat "$SCRATCH/$1.log" && return 1; }
}

# end_mlflow NAME: ends MLflow and its children, which do not end with their parent.
end_mlflow() {
  kill -KILL -- "-${MLFLOW_PID[$1]}" 2>/dev/null || true
}

clean_up() {
  local name
  for name in "${!MLFLOW_PID[@]}"; do
    end_mlflow "$name"
  done
  end_started
}
trap clean_up EXIT

# One server proxies artifacts, the other stores them in S3. They take long to start.
start_mlflow PROXIED --artifacts-destination "$SCRATCH/artifacts" --serve-artifacts
start_mlflow STORED --default-artifact-root s3://artifacts/mlflow --no-serve-artifacts

IN_S3=(--s3-endpoint "http://$S3" --s3-path-style --source-read-timeout 2s)
models() { "$BINARY" models "$@"; }
in_s3() { models "$@" "${IN_S3[@]}"; }
uncached() { in_s3 "$@" --model-cache-size 0B; }

# says TEXT COMMAND...: succeeds if the command fails and its output contains TEXT.
says() {
  local text=$1
  shift
  if "$@" >"$SCRATCH/said" 2>&1; then
    echo 'it did not fail'
    return 1
  fi
  cat "$SCRATCH/said"
  grep -qF -- "$text" "$SCRATCH/said"
}
# prints TEXT COMMAND...: succeeds if the command succeeds and its output contains TEXT.
prints() {
  local text=$1
  shift
  "$@" >"$SCRATCH/said" 2>&1 || { cat "$SCRATCH/said" && return 1; }
  cat "$SCRATCH/said"
  grep -qF -- "$text" "$SCRATCH/said"
}
hides() { ! prints "$@"; }

# --- Push, list, verify, pull

check 'a bundle is pushed to S3 under another name' \
  prints 's3://models/live/store/1' in_s3 push models/seasonal/1 s3://models/live --as store/1
check 'it is listed' prints '"name": "store"' in_s3 list s3://models/live --json
check 'an incomplete version is not listed' hides half in_s3 list s3://models/live
check 'a version is not replaced by default' \
  says 'already contains store/1' in_s3 push models/seasonal/1 s3://models/live --as store/1
check 'it is replaced with --overwrite' \
  in_s3 push models/seasonal/1 s3://models/live --as store/1 --overwrite
check 'it passes every check' prints 'ok      golden' in_s3 verify s3://models/live
check 'it is pulled' in_s3 pull s3://models/live "$SCRATCH/pulled"
check 'the pulled bundle passes every check' prints 'ok      golden' models verify "$SCRATCH/pulled"
check 'the pulled bundle is pushed to another prefix' in_s3 push "$SCRATCH/pulled/store/1" s3://models/other --as store/2
check 'a bundle is pushed from one prefix to another' in_s3 push s3://models/other s3://models/third
same_graph() {
  uncached pull s3://models/third "$SCRATCH/third" &&
    cmp "$SCRATCH/third/store/2/model.onnx" models/seasonal/1/model.onnx
}
check 'the graph is unchanged, byte by byte' same_graph
in_parts() {
  : >"$SCRATCH/S3.log"
  uncached verify s3://models/live --part-size 8KiB && (($(grep -c bytes= "$SCRATCH/S3.log") > 2))
}
check 'a large file is downloaded in parts' in_parts

calls() { grep -cE "$1" "$SCRATCH/S3.log"; }
# The graph has 8.2 MiB, which are two parts.
push_large() { in_s3 push models/almanac/1 "s3://models/$1" --part-size 5MiB; }
goes_in_parts() {
  : >"$SCRATCH/S3.log"
  push_large large && cat "$SCRATCH/S3.log" && (($(calls '^PUT .*partNumber=') == 2 && $(calls '^POST .*uploadId=') == 1)) &&
    tail -n 1 "$SCRATCH/S3.log" | grep -q '^PUT .*/manifest.toml'
}
check 'a large file is uploaded in parts, and the manifest last' goes_in_parts
check '... and passes every check' prints 'ok      golden' uncached verify s3://models/large
uploads() {
  "$HOME_OF_SERVERS/bin/python" - "http://$EMULATOR" <<'PYTHON'
import sys
import boto3

s3 = boto3.client("s3", endpoint_url=sys.argv[1])
print(len(s3.list_multipart_uploads(Bucket="models").get("Uploads", [])))
PYTHON
}
leaves_nothing() {
  fault part
  : >"$SCRATCH/S3.log"
  says 'access denied' push_large broken && fault none && cat "$SCRATCH/S3.log" &&
    (($(calls '^POST .*uploads') == 1 && $(calls '^DELETE .*uploadId=') == 1)) &&
    uploads >"$SCRATCH/left" && cat "$SCRATCH/left" && grep -qx 0 "$SCRATCH/left"
}
check 'a failed upload leaves no parts' leaves_nothing
fault none

# --- Error messages

wrong_secret() { AWS_SECRET_ACCESS_KEY=made-up uncached list s3://models/live; }
check 'a wrong secret key' says 'the secret key does not match the access key' wrong_secret
unknown_key() { AWS_ACCESS_KEY_ID=AKIAMADEUP uncached list s3://models/live; }
check 'an unknown key' says 'access denied' unknown_key
stranger() {
  AWS_ACCESS_KEY_ID=$STRANGER AWS_SECRET_ACCESS_KEY=$STRANGER_SECRET uncached list s3://models/live
}
check 'a user without a policy' says 'allow s3:ListBucket' stranger
no_credentials() { env -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY "$BINARY" models list s3://models "${IN_S3[@]}"; }
check 'no credentials' says 'no AWS credentials' no_credentials
check 'a bucket that does not exist' says 'there is no such bucket' uncached list s3://made-up-bucket
check 'a prefix without models' says 'contains no model' uncached verify s3://models/nothing
check 'an unsupported kind of source' says 'write embedded:, a path, s3://' models list gs://bucket

# --- Faults

verify_live() { uncached verify s3://models/live "$@"; }
faulty() { fault "$1" && says "$2" verify_live "${@:3}"; }
survives() { fault "$1" && verify_live; }
check 'a download that breaks once is resumed' survives die-once
check 'a download that always breaks' faulty die 'the download'
check 'a download that stalls' faulty stall 'models.read_timeout'
check 'corrupt bytes' faulty corrupt 'has digest'
check 'access denied' faulty denied 'access denied: 403 AccessDenied'
check 'a bucket in another region than the configured one' \
  faulty moved 'the bucket is in eu-west-3' --s3-region us-east-1
check 'a busy server' faulty busy 'S3 returned 503 SlowDown'
check 'an unreachable server' faulty dead 'cannot be reached'
too_large() { verify_live --max-bundle 8KiB; }
fault none
check 'a bundle over the size limit' says 'models.max_bundle' too_large

# --- Signatures

KEY=$SCRATCH/key
check 'a key is generated' models keygen "$KEY"
check 'a key is not overwritten' says 'already exists' models keygen "$KEY"
cp -r models/seasonal/1 "$SCRATCH/signed"
sign() { models sign "$SCRATCH/signed" --sign-key "$KEY" | sed 's/.* by //' >"$SCRATCH/public"; }
check 'a bundle is signed' sign
trusting() { in_s3 "$@" --public-keys "$(<"$SCRATCH/public")"; }
check 'a signed bundle is accepted' prints 'ok      signature' trusting verify "$SCRATCH/signed"
check 'an unsigned bundle is rejected' says 'manifest.sig is missing' trusting verify s3://models/live
check 'a bundle is signed during the push' trusting push models/seasonal/1 s3://models/signed --as store/1 --sign-key "$KEY"
check 'the pushed bundle is accepted' prints 'ok      golden' trusting verify s3://models/signed
resigned() {
  echo '# changed' >>"$SCRATCH/signed/manifest.toml"
  says 'is not a signature of this manifest' trusting verify "$SCRATCH/signed"
}
check 'a manifest that was changed after signing is rejected' resigned

# --- Serving from S3 and from the cache

FORECAST='{"model":"store","values":[112,118,132,129,121,135],"horizon":3}'
answers() { [[ $(status_of /forecast --data "$FORECAST") == 200 ]]; }
metric_is() { curl --silent --max-time 10 "$URL/metrics" | grep -qF "$1 $2"; }
logged() { grep -qF -- "$1" "$LOG"; }
SERVE=("${IN_S3[@]}" --models s3://models/live --default-model store --drain-delay 0s)
serves() { start_ready_server "${SERVE[@]}" "$@" && answers; }

check 'a server serves from S3' serves
check '... and logs the provider of its credentials' logged '"provider":"environment"'
check '... and the source of its model' logged '"source":"s3://models/live"'
check '... and exits with 0' stop_server
fault dead
check 'while S3 is down a server starts from its cache' serves
check '... and logs it' logged 'its cached versions are used'
check '... and reports it in a metric' metric_is 'almanac_source_from_cache{source="s3://models/live"}' 1
check '... and exits with 0' stop_server
check 'without a cache the reason is reported' \
  says 'cannot be reached' uncached list s3://models/live
fault none
damage_cache() {
  local file
  for file in "$XDG_CACHE_HOME"/almanac/models/files/*; do printf x >>"$file"; done
}
damage_cache
check 'cached files that changed on disk are downloaded again' serves
check '... and the change is logged' logged 'a cached file has changed on disk'
check '... and the server exits with 0' stop_server
# The limit allows one version. The two versions differ only in their manifests.
bounded() {
  local source room
  room=$(($(cat "$ROOT"/models/seasonal/1/* | wc -c) + 400))
  for source in s3://models/third s3://models/live; do
    in_s3 verify "$source" --model-cache-size "${room}B" --model-cache-dir "$SCRATCH/small"
  done
  ls "$SCRATCH/small/files"
  [[ $(find "$SCRATCH/small/files" -type f | wc -l) == 3 ]]
}
check 'the size of the cache is limited' bounded
unwritable() {
  in_s3 verify s3://models/live --model-cache-dir /dev/null/cache 2>"$SCRATCH/warned"
  grep -c 'cannot be written' "$SCRATCH/warned" | grep -qx 1
}
check 'an unwritable cache is reported once' unwritable

# --- Changes while a server runs

# version_is VERSION: succeeds if a forecast is of this version.
version_is() {
  answers && grep -qF "\"version\":\"$1\"" "$SCRATCH/body"
}
refused() {
  [[ $(status_of /models/store/versions) == 200 ]] && grep -qF -- "$1" "$SCRATCH/body"
}
# faulty_while_serving FAULT REASON: succeeds if a new version is refused with REASON and the first version
# still serves.
faulty_while_serving() {
  fault "$1" && eventually 30 refused "$2" && version_is 1
}
new_version() {
  # Sent to the emulator directly, because the proxy injects a fault.
  models push models/seasonal/1 s3://models/watched --as "store/$1" --s3-endpoint "http://$EMULATOR" --s3-path-style
}
new_version 1 >/dev/null
check 'a server watches S3' start_ready_server "${IN_S3[@]}" --models s3://models/watched --default-model store \
  --drain-delay 0s --watch 200ms --model-cache-size 0B --probation 0s
fault corrupt
check 'a new version is pushed' new_version 2
check '... with corrupt bytes: it is refused, and the previous version serves' faulty_while_serving corrupt 'has digest'
check 'S3 is reachable: the metric is 1' eventually 30 metric_is \
  'almanac_source_up{source="s3://models/watched"}' 1
fault dead
check 'S3 is down: the metric is 0' eventually 30 metric_is 'almanac_source_up{source="s3://models/watched"}' 0
check '... and the server still serves' version_is 1
fault none
check 'S3 is reachable again: the metric is 1' eventually 30 metric_is 'almanac_source_up{source="s3://models/watched"}' 1
check 'the refused version is pushed again' models push models/seasonal/1 s3://models/watched \
  --as store/2 --overwrite --s3-endpoint "http://$EMULATOR" --s3-path-style
check '... and serves' eventually 30 version_is 2
fault die
check 'a third version is pushed while connections break' new_version 3
check '... and the second still serves' version_is 2
fault none
check '... and the third serves once connections work' eventually 60 version_is 3
check 'the server exits with 0' stop_server

# --- MLflow

# round_trip SERVER: pushes twice, finds versions by alias, by number and without, verifies and pulls.
round_trip() {
  local server=$1
  local -a with=("${IN_S3[@]}")
  check 'a bundle is registered' prints 'store/1' \
    models push models/seasonal/1 "mlflow:$server/store" --alias production "${with[@]}"
  check 'it is found by its alias and passes every check' prints 'ok      golden' \
    models verify "mlflow:$server/store@production" "${with[@]}"
  check 'the next version takes the alias' prints 'store/2' \
    models push models/seasonal/1 "mlflow:$server/store" --alias production "${with[@]}"
  check 'the alias names the next version' prints '"version": "2"' \
    models list "mlflow:$server/store@production" --json "${with[@]}"
  check 'the first version is found by its number' prints '"version": "1"' \
    models list "mlflow:$server/store/1" --json "${with[@]}"
  check 'the newest version is found without a number' prints '"version": "2"' \
    models list "mlflow:$server/store" --json "${with[@]}"
  check 'an unknown alias is reported' says 'set the alias' \
    models list "mlflow:$server/store@unknown" "${with[@]}"
  check 'an unknown model is reported' says 'register the model under this name' \
    models list "mlflow:$server/unknown@production" "${with[@]}"
  check 'it is pulled under its registered name' prints 'store/2' \
    models pull "mlflow:$server/store@production" "$SCRATCH/of-mlflow" "${with[@]}"
  check 'the pulled bundle passes every check' prints 'ok      golden' \
    models verify "$SCRATCH/of-mlflow" --only store/2
}

await_mlflow PROXIED
round_trip "$PROXIED"
export MLFLOW_TRACKING_URI=$PROXIED
OF_MLFLOW=(--models mlflow:store@production --default-model store --drain-delay 0s)
serves_mlflow() { start_ready_server "${OF_MLFLOW[@]}" && answers; }
check 'a server serves from MLflow, configured by MLFLOW_TRACKING_URI' serves_mlflow
check '... and exits with 0' stop_server
foreign_host() {
  models list "mlflow:http://[::ffff:127.0.0.1]:${PROXIED##*:}/store"
}
check 'a host name that MLflow does not allow' says '--allowed-hosts' foreign_host

# register FACTOR: logs and registers a model with the MLflow client, and moves the alias.
register() {
  GIT_PYTHON_REFRESH=quiet "$HOME_OF_SERVERS/bin/python" "$E2E/sources_flavour.py" "$PROXIED" airline "$1" champion |
    tail -n 1 >"$SCRATCH/moved"
}
LAST='{"model":"airline","values":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,10],"horizon":2}'
points_are() {
  [[ $(status_of /forecast --data "$LAST") == 200 ]] && grep -qF "\"point\":[$1]" "$SCRATCH/body"
}
check 'an ONNX flavour is registered by the Python client' register 2
start_ready_server --models mlflow:airline@champion --default-model airline --drain-delay 0s --watch 2s
check '... and served without a manifest' points_are 20.0,20.0
check 'the next version takes the alias' register 3
check '... and is served without a restart' eventually 10 points_are 30.0,30.0
echo "$((($(date +%s%N) - $(<"$SCRATCH/moved")) / 1000000)) ms after the alias moved, with a listing every 2 s"
move_back() {
  curl --silent --fail --max-time 10 "$PROXIED/api/2.0/mlflow/registered-models/alias" \
    --header 'content-type: application/json' --data '{"name":"airline","alias":"champion","version":"1"}'
}
check 'the alias moves back' move_back
check '... and the server follows' eventually 10 points_are 20.0,20.0
end_mlflow PROXIED
check 'MLflow is down: the server still serves' points_are 20.0,20.0
check '... and reports it in a metric' eventually 30 metric_is 'almanac_source_from_cache{source="mlflow:airline@champion"}' 1
start_mlflow PROXIED --artifacts-destination "$SCRATCH/artifacts" --serve-artifacts
await_mlflow PROXIED
check 'MLflow is up again, with a new version' register 4
check '... which is served' eventually 30 points_are 40.0,40.0
check 'the server exits with 0' stop_server

end_mlflow PROXIED
check 'while MLflow is down a server starts from its cache' serves_mlflow
check '... and exits with 0' stop_server
unset MLFLOW_TRACKING_URI

await_mlflow STORED
round_trip "$STORED"

finish
