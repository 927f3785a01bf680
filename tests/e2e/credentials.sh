#!/usr/bin/env bash
# Proves that every link of the standard chain of AWS credentials opens S3, that keys are renewed before they end, and that S3
# and web servers are read over TLS of a private authority.
#
#   tests/e2e/credentials.sh [--binary PATH]
#
# S3, STS and IAM are ministack, which checks signatures, policies and the ends of sessions. What hands out keys is
# credentials_server.py, at the very addresses of ECS (169.254.170.2), EKS (169.254.170.23) and EC2 (169.254.169.254): all of it runs in
# a network namespace of its own. Where none can be made, what needs these addresses is skipped.

source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/lib_aws.sh"
parse_arguments "$@"
cd "$ROOT"

CONTAINER=169.254.170.2 POD=169.254.170.23 INSTANCE=169.254.169.254
emulator_home >/dev/null
need haproxy haproxy || true

# Once more, in a network with these addresses and no other.
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

# says TEXT COMMAND...: whether the command fails, and says this.
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
# It may see everything below live, and read store and encrypted.
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
# set_up writes the keys of a user who may read as the role may, and of one who may only assume it.
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
check 'a bucket, two users and a role' set_up
read -r READING READING_SECRET <"$SCRATCH/reading"
read -r ASSUMING ASSUMING_SECRET <"$SCRATCH/assuming"

# encrypt: version 1 of a model whose objects are encrypted with a key of KMS.
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
check 'a model encrypted with a key of KMS' encrypt

# --- What hands out keys

LOOPBACK=127.0.0.1:$(free_port)
HANDED=$SCRATCH/handed
mkdir "$HANDED"
printf 3600 >"$HANDED/life"
printf secret-token >"$HANDED/token"
"$(emulator_home)/bin/python" "$E2E/credentials_server.py" "$EMULATOR" "$ROLE" "$HANDED" "$LOOPBACK" "${ADDRESSES[@]}" &
STARTED+=("$!")
check 'what hands out keys starts' eventually 20 test -e "$HANDED/listening"

# From here on the environment has no keys but those of each case.
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_DEFAULT_REGION AWS_REGION AWS_ENDPOINT_URL AWS_PROFILE
export AWS_EC2_METADATA_DISABLED=true AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null

SERVE=("${S3[@]}" --models s3://models/live --default-model store --drain-delay 0s --model-cache-size 0B)
FORECAST='{"values":[112,118,132,129,121,135],"horizon":3}'
answers() { [[ $(status_of /forecast --data "$FORECAST") == 200 ]] || { cat "$SCRATCH/body" && return 1; }; }

# opens PROVIDER NAME=VALUE...: whether a server with this environment serves from S3 and says whose keys it has.
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
# denied TEXT NAME=VALUE...: whether the program with this environment says why it may not list.
denied() { says "$1" env "${@:2}" "$BINARY" models list s3://models/live "${S3[@]}" --source-attempts 1; }

# --- Every link of the chain

check 'keys of the environment' opens environment "AWS_ACCESS_KEY_ID=$READING" "AWS_SECRET_ACCESS_KEY=$READING_SECRET"

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
check 'a profile' opens profile "${PROFILES[@]}" AWS_PROFILE=plain
check 'a role that a profile assumes' opens 'assumed role of a profile' "${PROFILES[@]}" AWS_PROFILE=role
check 'a process that a profile names' opens 'process of a profile' "${PROFILES[@]}" AWS_PROFILE=process
check 'the keys that may only assume the role read nothing' denied 'allow s3:ListBucket' "${PROFILES[@]}" AWS_PROFILE=base

# web_token SUBJECT: a token as a cluster signs it; the emulator does not check who signed.
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
check 'a web identity (IRSA)' opens 'web identity (IRSA)' "${IRSA[@]}" "AWS_WEB_IDENTITY_TOKEN_FILE=$SCRATCH/web-token"
check '... of another service account is refused' denied 'Not authorized to perform sts:AssumeRoleWithWebIdentity' \
  "${IRSA[@]}" "AWS_WEB_IDENTITY_TOKEN_FILE=$SCRATCH/stolen-token"
check '... without its file' denied 'No such file' "${IRSA[@]}" "AWS_WEB_IDENTITY_TOKEN_FILE=$SCRATCH/nothing"

CONTAINER_ROLE='container (ECS task role or EKS Pod Identity)'
WITH_TOKEN="AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=$HANDED/token"
check 'an address on loopback' opens "$CONTAINER_ROLE" "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://$LOOPBACK/task"
check '... that wants a token' opens "$CONTAINER_ROLE" "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://$LOOPBACK/pod" "$WITH_TOKEN"
check '... and gets none' denied 'no AWS credentials' "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://$LOOPBACK/pod"
check 'an address elsewhere, over plain http' denied 'no AWS credentials' AWS_CONTAINER_CREDENTIALS_FULL_URI=http://192.0.2.1/task
if [[ -n ${E2E_NAMESPACE:-} ]]; then
  check 'the role of an ECS task' opens "$CONTAINER_ROLE" AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/task
  check 'EKS Pod Identity' opens "$CONTAINER_ROLE" "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://$POD/pod" "$WITH_TOKEN"
  check 'the role of an EC2 instance' opens 'instance (EC2 metadata)' AWS_EC2_METADATA_DISABLED=false
else
  skip 'ECS, EKS and EC2 at their own addresses' 'no network namespace can be made'
fi
check 'nothing at all' denied 'no AWS credentials' AWS_REGION=us-east-1

# --- What the role may not read

# told MODEL TEXT: whether the reason of its version is this.
told() {
  [[ $(status_of "/models/$1/versions") == 200 ]] && cat "$SCRATCH/body" && grep -qF -- "$2" "$SCRATCH/body"
}
model_answers() { [[ $(status_of /forecast --data "{\"model\":\"$1\",${FORECAST#\{}") == 200 ]]; }
WRAP=(env AWS_CONTAINER_CREDENTIALS_FULL_URI="http://$LOOPBACK/pod" "$WITH_TOKEN")
check 'a server of the role serves' start_ready_server "${SERVE[@]}" --watch 300ms
WRAP=()
check 'what is encrypted with KMS is read as usual' eventually 30 model_answers encrypted
check 'the API says why a model may not be read' eventually 30 told hidden 'access denied: 403 AccessDenied'
check '... and what to allow' told hidden 's3:GetObject'
check '... and that it failed' told hidden '"state":"failed"'
check 'it stops' stop_server

# --- Keys that end

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
check 'a server whose keys are good for 16 s' start_ready_server "${SERVE[@]}" --watch 300ms --probation 0s \
  --log-level info,almanac::store=debug
WRAP=()
# The token changes too, as a kubelet changes it.
printf another-token >"$HANDED/token"
check 'it asks for new ones before they end' eventually 30 issued 3
check '... with the token as it is by then' logged 'AWS credentials renewed'
check 'the first have ended' eventually 30 as_issued 1 'the session token is over'
new_version() { AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=us-east-1 push store/2; }
check 'a new version comes' new_version
check '... and is read with new keys' eventually 30 has_version 2
no_failure() { ! grep -F 'cannot be read' "$LOG"; }
check 'no look at the source has failed' no_failure
check 'it stops' stop_server

# --- TLS of a private authority

# make_certificates: an authority, and its certificate for localhost.
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
  check 'an authority and a certificate' make_certificates
  check 'HAProxy with TLS before S3 and a web server' start_tls
  check 'S3 over TLS of an authority that nobody trusts' says 'UnknownIssuer' s3_over_tls
  check '... that SSL_CERT_FILE names' s3_over_tls "SSL_CERT_FILE=$SCRATCH/ca.pem"
  check 'a web server over TLS of an authority that nobody trusts' says 'UnknownIssuer' web_over_tls
  check '... that SSL_CERT_FILE names' web_over_tls "SSL_CERT_FILE=$SCRATCH/ca.pem"
  wrong_name() { env "SSL_CERT_FILE=$SCRATCH/ca.pem" "$BINARY" models verify "https://127.0.0.1:$WEB_TLS/seasonal/1/" --model-cache-size 0B; }
  check '... and a certificate of another name' says 'not valid for name' wrong_name
else
  skip 'TLS of a private authority' 'there is no haproxy'
fi

finish
