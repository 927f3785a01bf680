#!/usr/bin/env bash
# Verifies that every provider of the standard AWS credential chain gives access to S3, that keys are renewed before they expire, and
# that S3 and web servers are read over TLS with a private authority.
#
#   tests/e2e/credentials.sh [--binary PATH]
#
# S3, STS and IAM are emulated by ministack, which checks signatures, policies and the expiry of sessions. credentials_server.py issues
# keys at the fixed addresses of ECS (169.254.170.2), EKS (169.254.170.23) and EC2 (169.254.169.254), in a separate network namespace.
# If no namespace can be created, the checks that need these addresses are skipped.

source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/lib_aws.sh"
parse_arguments "$@"
cd "$ROOT"

CONTAINER=169.254.170.2 POD=169.254.170.23 INSTANCE=169.254.169.254
emulator_home >/dev/null
need haproxy haproxy || true

# Runs the script again, in a network namespace with only these addresses.
if [[ -z ${E2E_NAMESPACE:-} ]] && command -v ip >/dev/null && unshare --net --map-root-user true 2>/dev/null; then
  rm -rf "$SCRATCH"
  exec env E2E_NAMESPACE=1 unshare --net --map-root-user "$0" --binary "$BINARY"
fi
ADDRESSES=()
if [[ -n ${E2E_NAMESPACE:-} ]]; then
  ip link set lo up
  for address in "$CONTAINER" "$POD" "$INSTANCE"; do
    ip address add "$address/32" dev lo
    ADDRESSES+=("$address:80")
  done
fi

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
logged() { grep -qF -- "$1" "$LOG"; }

# --- The emulator: a bucket, a user, and a role that may read one prefix

start_emulator AUTH=true
ROLE=arn:aws:iam::000000000000:role/forecast
SUBJECT=system:serviceaccount:forecast:almanac
cat >"$SCRATCH/trust.json" <<TRUST
{"Version": "2012-10-17", "Statement": [
  {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "arn:aws:iam::000000000000:root"}},
  {"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity",
    "Principal": {"Federated": "arn:aws:iam::000000000000:oidc-provider/oidc.test"},
    "Condition": {"StringEquals": {"oidc.test:sub": "$SUBJECT"}}}]}
TRUST
# The role may list everything below live, and read store and encrypted.
cat >"$SCRATCH/reading.json" <<'POLICY'
{"Version": "2012-10-17", "Statement": [
  {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::models",
    "Condition": {"StringLike": {"s3:prefix": "live/*"}}},
  {"Effect": "Allow", "Action": "s3:GetObject",
    "Resource": ["arn:aws:s3:::models/live/store/*", "arn:aws:s3:::models/live/encrypted/*"]}]}
POLICY
cat >"$SCRATCH/assuming.json" <<POLICY
{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "$ROLE"}]}
POLICY

S3=(--s3-endpoint "$EMULATOR" --s3-path-style)
push() { "$BINARY" models push "${@:2}" models/seasonal/1 s3://models/live --as "$1" "${S3[@]}"; }
# Writes the keys of a user with the permissions of the role, and of one who may only assume the role.
set_up() {
  local user
  aws s3api create-bucket --bucket models && push store/1 && push hidden/1 &&
    aws iam create-role --role-name forecast --assume-role-policy-document "file://$SCRATCH/trust.json" &&
    aws iam put-role-policy --role-name forecast --policy-name reading --policy-document "file://$SCRATCH/reading.json" || return 1
  for user in reading assuming; do
    aws iam create-user --user-name "$user" &&
      aws iam put-user-policy --user-name "$user" --policy-name own --policy-document "file://$SCRATCH/$user.json" &&
      aws iam create-access-key --user-name "$user" --output text --query 'AccessKey.[AccessKeyId,SecretAccessKey]' >"$SCRATCH/$user" ||
      return 1
  done
}
check 'a bucket, two users and a role are created' set_up
read -r READING READING_SECRET <"$SCRATCH/reading"
read -r ASSUMING ASSUMING_SECRET <"$SCRATCH/assuming"

# Pushes version 1 of a model whose objects are encrypted with a KMS key.
encrypt() {
  local key file
  key=$(aws kms create-key --query KeyMetadata.Arn --output text)
  push encrypted/1 || return 1
  for file in model.onnx golden.json manifest.toml; do
    aws s3api copy-object --bucket models --key "live/encrypted/1/$file" --copy-source "models/live/encrypted/1/$file" \
      --server-side-encryption aws:kms --ssekms-key-id "$key"
  done
  aws s3api head-object --bucket models --key live/encrypted/1/model.onnx | tee "$SCRATCH/head" && grep -q aws:kms "$SCRATCH/head"
}
check 'a model is encrypted with a KMS key' encrypt

# --- The credentials server

LOOPBACK=127.0.0.1:$(free_port)
HANDED=$SCRATCH/handed
mkdir "$HANDED"
printf 3600 >"$HANDED/life"
printf secret-token >"$HANDED/token"
"$(emulator_home)/bin/python" "$E2E/credentials_server.py" "$EMULATOR" "$ROLE" "$HANDED" "$LOOPBACK" "${ADDRESSES[@]}" &
STARTED+=("$!")
check 'the credentials server starts' eventually 20 test -e "$HANDED/listening"

# From here on the environment has only the keys of each case.
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_DEFAULT_REGION AWS_REGION AWS_ENDPOINT_URL AWS_PROFILE
export AWS_EC2_METADATA_DISABLED=true AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null

SERVE=("${S3[@]}" --models s3://models/live --default-model store --drain-delay 0s --model-cache-size 0B)
FORECAST='{"values":[112,118,132,129,121,135],"horizon":3}'
answers() { [[ $(status_of /forecast --data "$FORECAST") == 200 ]] || { cat "$SCRATCH/body" && return 1; }; }

# opens PROVIDER NAME=VALUE...: succeeds if a server with this environment serves from S3 and logs PROVIDER.
opens() {
  local provider=$1 status=0
  shift
  WRAP=(env "$@")
  if ! { start_ready_server "${SERVE[@]}" && answers && logged "\"provider\":\"$provider\""; }; then
    status=1
    cat "$LOG"
  fi
  stop_server || status=$?
  WRAP=()
  return "$status"
}
# denied TEXT NAME=VALUE...: succeeds if the program with this environment cannot list models and prints TEXT.
denied() { says "$1" env "${@:2}" "$BINARY" models list s3://models/live "${S3[@]}" --source-attempts 1; }

# --- Every provider of the chain

check 'keys from the environment' opens environment "AWS_ACCESS_KEY_ID=$READING" "AWS_SECRET_ACCESS_KEY=$READING_SECRET"

cat >"$SCRATCH/config" <<CONFIG
[profile plain]
aws_access_key_id = $READING
aws_secret_access_key = $READING_SECRET
[profile base]
aws_access_key_id = $ASSUMING
aws_secret_access_key = $ASSUMING_SECRET
[profile role]
role_arn = $ROLE
source_profile = base
[profile process]
credential_process = cat $SCRATCH/process.json
CONFIG
printf '{"Version": 1, "AccessKeyId": "%s", "SecretAccessKey": "%s"}' "$READING" "$READING_SECRET" >"$SCRATCH/process.json"
PROFILES=("AWS_CONFIG_FILE=$SCRATCH/config" "AWS_ENDPOINT_URL_STS=$EMULATOR")
check 'keys from a profile' opens profile "${PROFILES[@]}" AWS_PROFILE=plain
check 'keys from a role that a profile assumes' opens 'assumed role of a profile' "${PROFILES[@]}" AWS_PROFILE=role
check 'keys from a process that a profile names' opens 'process of a profile' "${PROFILES[@]}" AWS_PROFILE=process
check 'keys that may only assume the role cannot list models' denied 'allow s3:ListBucket' "${PROFILES[@]}" AWS_PROFILE=base

# web_token SUBJECT: prints a token in the format of a cluster; the emulator does not check the signature.
web_token() {
  python3 - "$1" <<'PYTHON'
import base64, json, sys
part = lambda value: base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
claims = {"iss": "https://oidc.test", "sub": sys.argv[1], "aud": "sts.amazonaws.com", "exp": 4102444800}
print(part({"alg": "RS256", "typ": "JWT"}), part(claims), part("signature"), sep=".", end="")
PYTHON
}
web_token "$SUBJECT" >"$SCRATCH/web-token"
web_token system:serviceaccount:other:thief >"$SCRATCH/stolen-token"
IRSA=("AWS_ROLE_ARN=$ROLE" AWS_ROLE_SESSION_NAME=almanac "AWS_ENDPOINT_URL_STS=$EMULATOR")
check 'keys from a web identity (IRSA)' opens 'web identity (IRSA)' "${IRSA[@]}" "AWS_WEB_IDENTITY_TOKEN_FILE=$SCRATCH/web-token"
check '... of another service account: refused' denied 'Not authorized to perform sts:AssumeRoleWithWebIdentity' \
  "${IRSA[@]}" "AWS_WEB_IDENTITY_TOKEN_FILE=$SCRATCH/stolen-token"
check '... without its token file: reported' denied 'No such file' "${IRSA[@]}" "AWS_WEB_IDENTITY_TOKEN_FILE=$SCRATCH/nothing"

CONTAINER_ROLE='container (ECS task role or EKS Pod Identity)'
WITH_TOKEN="AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=$HANDED/token"
check 'keys from a loopback address' opens "$CONTAINER_ROLE" "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://$LOOPBACK/task"
check '... that requires a token' opens "$CONTAINER_ROLE" "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://$LOOPBACK/pod" "$WITH_TOKEN"
check '... without the token: reported' denied 'no AWS credentials' "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://$LOOPBACK/pod"
check 'keys from another address over plain HTTP: refused' denied 'no AWS credentials' AWS_CONTAINER_CREDENTIALS_FULL_URI=http://192.0.2.1/task
if [[ -n ${E2E_NAMESPACE:-} ]]; then
  check 'keys from the role of an ECS task' opens "$CONTAINER_ROLE" AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/task
  check 'keys from EKS Pod Identity' opens "$CONTAINER_ROLE" "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://$POD/pod" "$WITH_TOKEN"
  check 'keys from the role of an EC2 instance' opens 'instance (EC2 metadata)' AWS_EC2_METADATA_DISABLED=false
else
  skip 'ECS, EKS and EC2 at their fixed addresses' 'no network namespace can be made'
fi
check 'no credentials: reported' denied 'no AWS credentials' AWS_REGION=us-east-1

# --- Models that the role may not read

# reports MODEL TEXT: succeeds if the API lists the versions of the model with TEXT.
reports() {
  [[ $(status_of "/models/$1/versions") == 200 ]] && cat "$SCRATCH/body" && grep -qF -- "$2" "$SCRATCH/body"
}
model_answers() { [[ $(status_of /forecast --data "{\"model\":\"$1\",${FORECAST#\{}") == 200 ]]; }
WRAP=(env AWS_CONTAINER_CREDENTIALS_FULL_URI="http://$LOOPBACK/pod" "$WITH_TOKEN")
check 'a server with the role serves' start_ready_server "${SERVE[@]}" --watch 300ms
WRAP=()
check 'a model encrypted with KMS is served' eventually 30 model_answers encrypted
check 'the API reports why a model cannot be read' eventually 30 reports hidden 'access denied: 403 AccessDenied'
check '... and the missing permission' reports hidden 's3:GetObject'
check '... and the state failed' reports hidden '"state":"failed"'
check 'the server exits with 0' stop_server

# --- Keys that expire

: >"$HANDED/issued"
printf 16 >"$HANDED/life"
keys_of() { sed -n "$1p" "$HANDED/issued" | cut -d ' ' -f 2-; }
issued() { (($(wc -l <"$HANDED/issued") >= $1)); }
as_issued() {
  local key secret token
  read -r key secret token < <(keys_of "$1")
  denied "$2" "AWS_ACCESS_KEY_ID=$key" "AWS_SECRET_ACCESS_KEY=$secret" "AWS_SESSION_TOKEN=$token"
}
has_version() { answers && grep -qF "\"version\":\"$1\"" "$SCRATCH/body"; }
WRAP=(env AWS_CONTAINER_CREDENTIALS_FULL_URI="http://$LOOPBACK/pod" "$WITH_TOKEN")
check 'a server whose keys expire after 16 s serves' start_ready_server "${SERVE[@]}" --watch 300ms --probation 0s \
  --log-level info,almanac_store=debug
WRAP=()
# A kubelet replaces the token too.
printf another-token >"$HANDED/token"
check 'the keys are renewed before they expire' eventually 30 issued 3
check '... with the new token' logged 'AWS credentials renewed'
check 'the first keys have expired' eventually 30 as_issued 1 'the session token has expired'
new_version() { AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=us-east-1 push store/2; }
check 'a new version is pushed' new_version
check '... and is read with renewed keys' eventually 30 has_version 2
no_failure() { ! grep -F 'cannot be read' "$LOG"; }
check 'the source was always readable' no_failure
check 'the server exits with 0' stop_server

# --- TLS with a private authority

# Creates an authority, and its certificate for localhost.
make_certificates() (
  cd "$SCRATCH"
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem \
    -addext basicConstraints=critical,CA:true
  openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout own.key -out own.csr
  printf 'subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n' >extensions
  openssl x509 -req -in own.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out own.crt
  cat own.crt own.key >own.pem
)

start_tls() {
  S3_TLS=$(free_port) WEB_TLS=$(free_port) WEB=$(free_port)
  mkdir -p "$SCRATCH/web/seasonal"
  cp -r models/seasonal/1 "$SCRATCH/web/seasonal/1"
  python3 -m http.server --bind 127.0.0.1 --directory "$SCRATCH/web" "$WEB" >"$SCRATCH/web.log" 2>&1 &
  STARTED+=("$!")
  cat >"$SCRATCH/haproxy.cfg" <<HAPROXY
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
listen s3
  bind 127.0.0.1:$S3_TLS ssl crt $SCRATCH/own.pem alpn h2,http/1.1
  server emulator ${EMULATOR#http://}
listen web
  bind 127.0.0.1:$WEB_TLS ssl crt $SCRATCH/own.pem alpn h2,http/1.1
  server files 127.0.0.1:$WEB
HAPROXY
  haproxy -db -f "$SCRATCH/haproxy.cfg" >"$SCRATCH/haproxy.log" 2>&1 &
  STARTED+=("$!")
  eventually 20 curl --silent --fail --cacert "$SCRATCH/ca.pem" --output /dev/null "https://localhost:$WEB_TLS/seasonal/1/manifest.toml" ||
    { cat "$SCRATCH/haproxy.log" && return 1; }
}

over_tls() {
  env "AWS_ACCESS_KEY_ID=$READING" "AWS_SECRET_ACCESS_KEY=$READING_SECRET" "$@"
}
s3_over_tls() { over_tls "$@" "$BINARY" models verify s3://models/live --only store --s3-endpoint "https://localhost:$S3_TLS" --s3-path-style --model-cache-size 0B; }
web_over_tls() { env "$@" "$BINARY" models verify "https://localhost:$WEB_TLS/seasonal/1/" --model-cache-size 0B; }
if command -v haproxy >/dev/null; then
  check 'a certificate authority and a certificate are created' make_certificates
  check 'HAProxy terminates TLS for S3 and a web server' start_tls
  check 'S3 over TLS of an untrusted authority: refused' says 'UnknownIssuer' s3_over_tls
  check '... of an authority in SSL_CERT_FILE: read' s3_over_tls "SSL_CERT_FILE=$SCRATCH/ca.pem"
  check 'a web server over TLS of an untrusted authority: refused' says 'UnknownIssuer' web_over_tls
  check '... of an authority in SSL_CERT_FILE: read' web_over_tls "SSL_CERT_FILE=$SCRATCH/ca.pem"
  wrong_name() { env "SSL_CERT_FILE=$SCRATCH/ca.pem" "$BINARY" models verify "https://127.0.0.1:$WEB_TLS/seasonal/1/" --model-cache-size 0B; }
  check '... with a certificate of another host: refused' says 'not valid for name' wrong_name
else
  skip 'TLS with a private authority' 'there is no haproxy'
fi

finish
