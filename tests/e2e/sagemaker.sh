#!/usr/bin/env bash
# Verifies SageMaker's hosting contract.
#
#   tests/e2e/sagemaker.sh [--binary PATH] [--image NAME]
#
# The program is started with the argument `serve` only, by root and by another user, on read-only model
# folders: a bundle at the root, a graph with a manifest, an unpacked tar.gz, a broken model. /ping answers
# 200 without a body within 2 s under load. 25 MB of JSON lines are answered line by line. A multi-model
# endpoint loads, invokes and unloads models, with 404, 409 and 507, and frees their memory. --image runs
# the same checks in containers of an image.

source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/docker.sh"

IMAGE=''
ARGUMENTS=()
while (($# > 0)); do
  case $1 in
    --image) IMAGE=$2 && shift ;;
    *) ARGUMENTS+=("$1") ;;
  esac
  shift
done
if [[ -z $IMAGE || ${#ARGUMENTS[@]} -gt 0 ]]; then
  parse_arguments "${ARGUMENTS[@]}"
fi

BODY='{"values":[112,118,132,129,121,135,148,148,136,119,104,118],"horizon":3}'
# An arbitrary unprivileged user.
OTHER=12345
chmod 0755 "$SCRATCH"

# --- Model folders, in the layout of the platform

MODELS=$SCRATCH/folders
mkdir -p "$MODELS"

# named NAME FOLDER: copies the bundled statistical model, with another name in its manifest.
named() {
  mkdir -p "$2"
  cp "$ROOT"/models/seasonal/1/{model.onnx,golden.json} "$2"
  sed "s/^name = \"seasonal\"/name = \"$1\"/" "$ROOT/models/seasonal/1/manifest.toml" >"$2/manifest.toml"
}

named store "$MODELS/bundle"

# A graph whose manifest has no digests.
named sums "$MODELS/graph"
rm "$MODELS/graph/golden.json"
mv "$MODELS/graph/model.onnx" "$MODELS/graph/sums.onnx"
sed -i '/^"[a-z.]*" = "sha256:/d' "$MODELS/graph/manifest.toml"

# Like the archive at ModelDataUrl: packed, then unpacked into the folder.
tar --create --gzip --file "$SCRATCH/model.tar.gz" --directory "$MODELS/bundle" .
mkdir "$MODELS/unpacked"
tar --extract --gzip --file "$SCRATCH/model.tar.gz" --directory "$MODELS/unpacked"

mkdir -p "$MODELS/versions/store" "$MODELS/empty" "$MODELS/pickle"
cp -r "$MODELS/bundle" "$MODELS/versions/store/1"
echo x >"$MODELS/pickle/model.pkl"

# A model whose graph has another digest than its manifest, with the name of an embedded model.
named seasonal "$MODELS/broken"
printf '\0' >>"$MODELS/broken/model.onnx"

chmod -R a+rX,a-w "$MODELS"

# --- Running

# run_on FOLDER USER [NAME=VALUE...]: starts the program like the platform, on a model folder, and waits
# until it listens. Sets URL and ADDRESS.
run_on() {
  local folder=$1 user=$2
  shift 2
  if [[ -n $IMAGE ]]; then
    run_container "$user" --volume "$folder:/opt/ml/model:ro" "${@/#/--env=}"
  else
    run_program "$user" "ALMANAC_SAGEMAKER_MODEL_DIR=$folder" "$@"
  fi
}

# run_host FOLDER [NAME=VALUE...]: starts the program on the folder of a multi-model endpoint.
run_host() {
  local folder=$1
  shift
  if [[ -n $IMAGE ]]; then
    run_container "$OTHER" --volume "$folder:/opt/ml/models:ro" --env SAGEMAKER_MULTI_MODEL=true "${@/#/--env=}"
    PLACE=/opt/ml/models
  else
    run_program "$OTHER" SAGEMAKER_MULTI_MODEL=true "ALMANAC_SAGEMAKER_MODELS_DIR=$folder" "$@"
    PLACE=$folder
  fi
}

# The port is set by the platform's variable, like in an inference pipeline.
run_program() {
  local user=$1 port
  shift
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])')
  LOG=$(mktemp -p "$SCRATCH" log.XXXX)
  local as=()
  ((user == $(id -u))) || as=(setpriv --reuid "$user" --regid "$user" --clear-groups)
  (cd / && exec env --ignore-environment "PATH=$PATH" "ORT_DYLIB_PATH=$LIBRARY" ALMANAC_LOG_FORMAT=json \
    "SAGEMAKER_BIND_TO_PORT=$port" "$@" "${as[@]}" "$PROGRAM" serve 2>"$LOG") &
  SERVER=$!
  STARTED+=("$SERVER")
  ADDRESS=127.0.0.1:$port
  URL=http://$ADDRESS
  if ! eventually 20 answers /healthz 200; then
    cat "$LOG"
    return 1
  fi
}

run_container() {
  local user=$1
  shift
  CONTAINER=$(docker run --detach --publish 127.0.0.1::8080 --user "$user:$user" --read-only "$@" "$IMAGE" serve)
  CONTAINERS+=("$CONTAINER")
  ADDRESS=$(docker port "$CONTAINER" 8080/tcp | head -n 1)
  URL=http://$ADDRESS
  eventually 20 answers /healthz 200
}

# Sends SIGTERM, and succeeds if the exit status is 0.
stop() {
  if [[ -n $IMAGE ]]; then
    stop_container
  else
    stop_server
  fi
}

log() {
  if [[ -n $IMAGE ]]; then docker logs "$CONTAINER" 2>&1; else cat "$LOG"; fi
}

answers() { [[ $(status_of "$1" "${@:3}") == "$2" ]]; }
body_has() { grep --quiet --fixed-strings "$1" "$SCRATCH/body" || { cat "$SCRATCH/body"; false; }; }
answers_with() { answers "$1" "$2" "${@:4}" && body_has "$3"; }
healthy() { answers /ping 200; }
without_body() { healthy && [[ ! -s $SCRATCH/body ]]; }
logs() { log | grep --quiet --fixed-strings "$1"; }

# serves FOLDER USER NAME [NAME=VALUE...]: succeeds if the model NAME answers.
serves() {
  local folder=$1 user=$2 name=$3
  shift 3
  run_on "$folder" "$user" "$@" || return 1
  eventually 30 healthy || { log; return 1; }
  answers_with /invocations 200 "\"name\":\"$name\"" --header 'content-type: application/json' --data "$BODY" || return 1
  stop
}

# fails FOLDER REASON: succeeds if a server with a broken model is unhealthy, and no other model answers.
fails() {
  run_on "$1" "$OTHER" || return 1
  eventually 20 answers /startupz 200 || return 1
  answers /ping 503 || return 1
  answers_with /readyz 503 "$2" || return 1
  answers /invocations 503 --data "$BODY" || return 1
  logs "$2" || { log; return 1; }
  stop
}

if [[ -n $IMAGE ]]; then
  if ! docker_engine; then
    skip 'the contract in containers' "there is no Docker engine: $REASON"
    finish
    exit
  fi
else
  # Copies that another user can read.
  LIBRARY=$SCRATCH/libonnxruntime.so PROGRAM=$SCRATCH/almanac
  libraries=("${CACHE%/tools}"/onnxruntime-*/libonnxruntime.so)
  cp "${libraries[-1]}" "$LIBRARY"
  cp "$BINARY" "$PROGRAM"
fi
USERS=("$OTHER")
if [[ -n $IMAGE || $(id -u) == 0 ]]; then
  USERS+=(0)
else
  OTHER=$(id -u)
  USERS=("$OTHER")
  skip 'root and another user' 'only root can become another user'
fi

# --- One model

for user in "${USERS[@]}"; do
  check "user $user: a bundle at the root of the folder is the default model" serves "$MODELS/bundle" "$user" store
  check "user $user: a graph with a manifest in its folder" serves "$MODELS/graph" "$user" sums
done
check 'a folder that was unpacked from a tar.gz' serves "$MODELS/unpacked" "$OTHER" store
check 'a folder NAME/VERSION' serves "$MODELS/versions" "$OTHER" store
check 'an empty folder: the embedded models serve' serves "$MODELS/empty" "$OTHER" almanac
check 'configured sources take precedence' serves "$MODELS/bundle" "$OTHER" almanac ALMANAC_MODELS=embedded:
check 'a broken model: unhealthy, with the reason' fails "$MODELS/broken" 'model.onnx has digest'
check 'a folder without a model: unhealthy, with the reason' fails "$MODELS/pickle" 'it contains no model, only model.pkl'

# --- Under load

payload() {
  python3 "$E2E/sagemaker_load.py" --address "$ADDRESS" "$@"
}

run_on "$MODELS/bundle" "$OTHER" SAGEMAKER_BATCH=true SAGEMAKER_MODEL_SERVER_TIMEOUT=60
check 'the server is healthy' eventually 30 healthy
check '/ping has no body' without_body
check '/execution-parameters has the settings of a batch transform' answers_with /execution-parameters 200 '"BatchStrategy":"MULTI_RECORD"'
check '/ping answers within 2 s under load' payload ping
cat "$SCRATCH/check"
check '25 MB of JSON lines: an answer for each line, in order' payload lines
cat "$SCRATCH/check"
check 'the server exits with 0' stop

# --- Many models

load() {
  curl --silent --max-time 60 --output "$SCRATCH/body" --write-out '%{http_code}' --header 'content-type: application/json' \
    --data "{\"model_name\":\"$1\",\"url\":\"$PLACE/$2\"}" "$URL/models"
}
loads() { [[ $(load "$1" "$2") == "$3" ]] || { cat "$SCRATCH/body"; false; }; }
invoke() { answers "/models/$1/invoke" "$2" --header 'content-type: application/json' --data "$BODY"; }
unload() { answers "/models/$1" "$2" --request DELETE; }

# The names and folders that the platform uses.
HASHES=("$(printf a | sha256sum | cut -c1-64)" "$(printf b | sha256sum | cut -c1-64)" "$(printf c | sha256sum | cut -c1-64)")
PLACES=$SCRATCH/hosted
for hash in "${HASHES[@]}"; do
  mkdir -p "$PLACES/$hash"
  cp -r "$MODELS/bundle" "$PLACES/$hash/model"
done
mkdir -p "$PLACES/broken" && cp -r "$MODELS/broken" "$PLACES/broken/model"
ln -s "$MODELS/bundle" "$PLACES/link"
chmod -R a+rX "$PLACES"

run_host "$PLACES" ALMANAC_SAGEMAKER_MAX_MODELS=2
check 'a multi-model endpoint is healthy without a model' eventually 20 healthy
check 'a model is loaded' loads "${HASHES[0]}" "${HASHES[0]}/model" 200
check '... and invoked' invoke "${HASHES[0]}" 200
check '... under its assigned name' body_has "\"name\":\"${HASHES[0]}\""
check '... and listed' answers_with /models 200 "\"modelUrl\":\"$PLACE/${HASHES[0]}/model\""
check '... and described' answers "/models/${HASHES[0]}" 200
check 'a loaded model is not loaded again: 409' loads "${HASHES[0]}" "${HASHES[0]}/model" 409
check 'a model that is not loaded is not invoked: 404' invoke "${HASHES[1]}" 404
check '... and not unloaded: 404' unload "${HASHES[1]}" 404
check 'a broken model is rejected: 400' loads broken broken/model 400
check '... with the reason' body_has 'model.onnx has digest'
check 'a URL outside of the folder is rejected: 400' loads elsewhere ../folders/bundle 400
check '... and a link to the outside: 400' loads link link 400
check 'a second model is loaded' loads "${HASHES[1]}" "${HASHES[1]}/model" 200
check 'a third model exceeds the limit: 507' loads "${HASHES[2]}" "${HASHES[2]}/model" 507
check 'the first model is unloaded' unload "${HASHES[0]}" 200
check '... and no longer invoked: 404' invoke "${HASHES[0]}" 404
check '... and the third is loaded' loads "${HASHES[2]}" "${HASHES[2]}/model" 200
check 'the server exits with 0' stop

run_host "$PLACES" ALMANAC_MODEL_MEMORY=4MiB ALMANAC_WORKERS=1
check 'memory is limited: a model is loaded' loads a "${HASHES[0]}/model" 200
check '... and a second one' loads b "${HASHES[1]}/model" 200
check '... and a third one exceeds the limit: 507' loads c "${HASHES[2]}/model" 507
stop >/dev/null

if [[ -z $IMAGE ]]; then
  run_host "$PLACES" ALMANAC_WORKERS=1
  check 'DELETE frees memory before it returns: 12 rounds of 10 models' \
    payload memory --pid "$SERVER" --url "$PLACE/${HASHES[0]}/model"
  cat "$SCRATCH/check"
  stop >/dev/null
fi

finish
