# shellcheck shell=bash disable=SC2034
# Functions of the scripts that use Terraform and an AWS emulator. Sourced after lib.sh.

MINISTACK=1.5.33

# terraform_lacks: prints what is missing to run Terraform, or nothing. Terraform finds its provider in the folder
# TERRAFORM_PLUGINS, elsewhere on this machine, or in its registry.
terraform_lacks() {
  command -v terraform >/dev/null || { echo 'there is no terraform' && return; }
  local provider folder=${TERRAFORM_PLUGINS:-}
  if [[ -z $folder ]]; then
    # The likely folders first, because the search of / is slow.
    provider=$(find /opt /usr/local "$HOME" / -xdev -name 'terraform-provider-aws_v5*' -print -quit 2>/dev/null || true)
    folder=${provider%/*/*/*/*/*/*}
  fi
  printf '%s' "$folder" >"$SCRATCH/plugins"
}

# use_terraform: sets the variables of Terraform in this shell. Call it after terraform_lacks.
use_terraform() {
  local folder
  folder=$(<"$SCRATCH/plugins")
  # These variables of the machine may name files that do not exist.
  unset TF_CLI_CONFIG_FILE AWS_CA_BUNDLE AWS_PROFILE
  export TF_IN_AUTOMATION=1 TF_INPUT=0 TF_CLI_ARGS=-no-color TF_DATA_DIR=$SCRATCH/terraform CHECKPOINT_DISABLE=1
  [[ -z $folder ]] || export TF_CLI_ARGS_init="-plugin-dir=$folder"
}

# emulator_home: prints the folder of an environment with the emulator and the AWS CLI. It is created once.
emulator_home() {
  local home=$CACHE/ministack-$MINISTACK
  if [[ ! -x $home/bin/aws ]]; then
    uv venv --quiet --clear --relocatable "$home.part"
    # The emulator uses the package docker to start the containers of ECS tasks.
    uv pip install --quiet --python "$home.part/bin/python" \
      "ministack==$MINISTACK" docker==7.2.0 cryptography==50.0.2 awscli==1.46.3
    rm -rf "$home" && mv "$home.part" "$home"
  fi
  printf '%s\n' "$home"
}

# start_emulator [NAME=VALUE...]: starts the emulator on a free loopback port. Sets EMULATOR and its credentials.
start_emulator() {
  local home port
  home=$(emulator_home)
  port=$(free_port)
  EMULATOR=http://127.0.0.1:$port
  env BIND_HOST=127.0.0.1 "GATEWAY_PORT=$port" SFTP_ENABLED=0 IOT_MTLS_ENABLED=0 "$@" \
    "$home/bin/ministack" >"$SCRATCH/emulator.log" 2>&1 &
  STARTED+=("$!")
  export PATH=$home/bin:$PATH
  export AWS_ENDPOINT_URL=$EMULATOR AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=us-east-1
  unset AWS_SESSION_TOKEN AWS_PROFILE AWS_CA_BUNDLE
  eventually 30 curl --silent --fail --max-time 2 --output /dev/null "$EMULATOR/_ministack/health"
}
