#!/usr/bin/env bash
# Deploys a checkout to AWS: creates the repository, logs in, builds, tags, pushes, deploys and requests a forecast.
#
#   deploy/aws/deploy.sh --region REGION [OPTION]...
#
#   --region REGION    AWS region; by default AWS_REGION or AWS_DEFAULT_REGION
#   --name NAME        name of the service and of its resources; by default almanac
#   --tag TAG          tag of the image; by default the commit, with the time if there are uncommitted changes
#   --image IMAGE      push this local image instead of building one
#   --platform PLATFORM  platform of the image, such as linux/arm64; the variable task must have the same architecture
#   --var-file FILE    file of Terraform variables, which variables.tf describes; may be repeated
#   --emulator URL     deploy to an AWS emulator, such as http://127.0.0.1:4566, without an account
#   --destroy          delete everything, including images
#   --yes              do not ask for confirmation
#   --dry-run          print the commands without running them
#
# Needs bash 4.4, terraform, the AWS CLI, docker and curl, and credentials of the AWS CLI. AWS charges for the resources: see
# docs/deploy/ecs.md. Terraform stores its state next to its files, unless a backend is configured there.

set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$HERE/../.." && pwd)
REGION=${AWS_REGION:-${AWS_DEFAULT_REGION:-}}
NAME=almanac
TAG=''
IMAGE=''
PLATFORM=''
VARIABLES=()
EMULATOR=''
DESTROY=false
YES=false
DRY=false

usage() {
  sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$0"
}

stop() {
  printf 'deploy.sh: %s\n' "$1" >&2
  exit "${2:-1}"
}

parse_arguments() {
  while (($# > 0)); do
    case $1 in
      --help) usage && exit 0 ;;
      --destroy) DESTROY=true ;;
      --yes) YES=true ;;
      --dry-run) DRY=true ;;
      --region | --name | --tag | --image | --platform | --var-file | --emulator)
        (($# > 1)) || stop "$1 needs a value" 64
        case $1 in
          --region) REGION=$2 ;;
          --name) NAME=$2 ;;
          --tag) TAG=$2 ;;
          --image) IMAGE=$2 ;;
          --platform) PLATFORM=$2 ;;
          --var-file) VARIABLES+=(-var-file "$(realpath "$2")") ;;
          --emulator) EMULATOR=${2%/} ;;
        esac
        shift
        ;;
      *) stop "$1 is not an option; see --help" 64 ;;
    esac
    shift
  done
  [[ -n $REGION ]] || stop 'name a region with --region' 64
}

# step TITLE: prints the title of a step.
step() {
  printf '\n== %s\n' "$1"
}

# Runs a command, or prints it in a dry run.
run() {
  if $DRY; then
    printf '%q ' "$@" | sed 's/ $//'
    printf '\n'
  else
    "$@"
  fi
}

terraform_here() {
  run terraform -chdir="$HERE" "$@"
}

# output NAME: prints an output of Terraform, or a placeholder in a dry run.
output() {
  if $DRY; then
    printf '%s' "<$1>"
  else
    terraform -chdir="$HERE" output -raw "$1"
  fi
}

use_emulator() {
  export AWS_ENDPOINT_URL=$EMULATOR AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
  # The emulator does not support auto scaling.
  VARIABLES+=(-var 'scaling={enabled=false}')
}

confirm() {
  local account what="create resources that AWS charges for"
  $DESTROY && what="delete $NAME and its images"
  $YES || $DRY && return
  account=$(aws sts get-caller-identity --query Account --output text)
  read -rp "This will $what in account $account, $REGION. Continue? [y/N] " answer
  [[ $answer == [yY]* ]] || stop 'nothing was done'
}

default_tag() {
  local tag
  tag=$(git -C "$HERE" rev-parse --short=12 HEAD)
  [[ -z $(git -C "$HERE" status --porcelain) ]] || tag+=-$(date -u +%Y%m%d%H%M%S)
  printf '%s' "$tag"
}

create_repository() {
  step 'create the repository'
  terraform_here init -input=false
  # The service needs its image, so the repository is created first.
  terraform_here apply -input=false -auto-approve -compact-warnings -target=module.registry "${VARIABLES[@]}"
}

login() {
  local registry=${1%%/*}
  step 'log in'
  if $DRY; then
    printf 'aws ecr get-login-password | docker login --username AWS --password-stdin %s\n' "$registry"
  else
    aws ecr get-login-password --region "$REGION" | docker login --username AWS --password-stdin "$registry"
  fi
}

is_pushed() {
  local digest
  if $DRY; then return 1; fi
  digest=$(aws ecr describe-images --region "$REGION" --repository-name "$NAME" --image-ids "imageTag=$TAG" \
    --query 'imageDetails[0].imageDigest' --output text 2>/dev/null || true)
  [[ $digest == sha256:* ]]
}

build_and_push() {
  local target=$1 platform=()
  [[ -z $PLATFORM ]] || platform=(--platform "$PLATFORM")
  if [[ -z $IMAGE ]]; then
    step 'build'
    IMAGE=$NAME:$TAG
    run env DOCKER_BUILDKIT=1 docker build "${platform[@]}" --build-arg "REVISION=$TAG" --tag "$IMAGE" "$ROOT"
  fi
  step 'tag and push'
  run docker tag "$IMAGE" "$target"
  run docker push "$target"
}

# rollout_state TASK_DEFINITION: prints the state of its deployment: COMPLETED, IN_PROGRESS, FAILED, or nothing if it is gone.
rollout_state() {
  aws ecs describe-services --region "$REGION" --cluster "$NAME" --services "$NAME" --output text \
    --query "services[0].deployments[?taskDefinition=='$1'].rolloutState"
}

# Waits for the deployment, which ECS finishes after Terraform has ended. Fails if it is rolled back.
await_rollout() {
  local wanted deadline=$((SECONDS + 1200)) state
  step 'wait for the new tasks'
  if $DRY; then
    printf 'aws ecs describe-services --cluster %s --services %s\n' "$NAME" "$NAME"
    return
  fi
  wanted=$(output task_definition_arn)
  while ((SECONDS < deadline)); do
    state=$(rollout_state "$wanted")
    case $state in
      COMPLETED) return ;;
      IN_PROGRESS) sleep 5 ;;
      *) stop "the new tasks did not become healthy, and the previous tasks still serve; see the events of the service $NAME" ;;
    esac
  done
  stop 'the new tasks are not running after 20 minutes'
}

call() {
  local url header=()
  step 'call'
  url=$(output url)
  if [[ -n $EMULATOR ]]; then
    url=$EMULATOR
    header=(--header "Host: $NAME.alb.localhost")
  fi
  run curl --silent --show-error --fail-with-body --retry 10 --retry-all-errors --retry-delay 3 "${header[@]}" \
    "$url/forecast" --data '{"values":[112,118,132,129,121,135,148,148,136,119,104,118],"horizon":3}'
  printf '\n'
}

destroy() {
  step 'take everything down'
  terraform_here init -input=false
  terraform_here apply -input=false -auto-approve -compact-warnings -target=module.registry \
    "${VARIABLES[@]}" -var force_delete=true
  terraform_here destroy -input=false -auto-approve "${VARIABLES[@]}"
}

deploy() {
  local target registry
  [[ -n $TAG ]] || TAG=$(default_tag)
  create_repository
  registry=$(output repository_url)
  [[ -z $EMULATOR ]] || registry=${EMULATOR#http://}/$NAME
  target=$registry:$TAG
  login "$registry"
  if is_pushed; then
    step "$target is pushed already"
  else
    build_and_push "$target"
  fi
  step 'deploy'
  terraform_here apply -input=false -auto-approve "${VARIABLES[@]}" -var "image=$target"
  await_rollout
  call
}

parse_arguments "$@"
export AWS_REGION=$REGION AWS_DEFAULT_REGION=$REGION AWS_PAGER=''
[[ -z $EMULATOR ]] || use_emulator
VARIABLES+=(-var "region=$REGION" -var "name=$NAME")
confirm
if $DESTROY; then
  destroy
else
  deploy
fi
