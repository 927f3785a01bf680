#!/usr/bin/env bash
# Verifies the steps that create the bundled forecaster, from training windows to a served model.
#
#   tests/e2e/training.sh [--binary PATH]
#
# Generates windows of the synthetic prior, trains a gate on them for a few steps, resumes the training, builds
# a bundle and serves it. The steps are the real ones, but small, so the forecasts are poor.

source "$(dirname "$0")/lib.sh"
parse_arguments "$@"

python=$(training_python train)
export OMP_NUM_THREADS=1
steps=$ROOT/models/training
folder=$SCRATCH/made

check 'windows are generated' "$python" "$steps/make_windows.py" --synthetic 3000 --output "$folder/windows"
check 'existing windows are reused' "$python" "$steps/make_windows.py" --synthetic 3000 \
  --output "$folder/windows"

train() {
  "$python" "$steps/train_almanac.py" --windows "$folder/windows" --output "$folder/run" \
    --threads 1 --batch 256 "$@"
}
check 'a gate is trained' train --steps 20
check 'training is resumed' train --steps 40
log_is_whole() {
  [[ $(cut -d, -f1 "$folder/run/log.csv" | paste -sd ' ') == 'step 20 40' && -s $folder/run/log.png ]]
}
check 'the log has both parts and a plot' log_is_whole

bundle=$folder/models/almanac/1
check 'a bundle is built' "$python" "$steps/build_almanac.py" --checkpoint "$folder/run/checkpoint.pt" \
  --output "$bundle"
start_ready_server --models "$folder/models"
serves_it() {
  curl --silent --fail --max-time 10 "$URL/models/almanac" | grep -F "$folder/models"
  curl --silent --fail --max-time 10 "$URL/forecast" \
    -d '{"values": [112, 118, 132, 129, 121, 135, 148], "horizon": 3}' | grep -F '"name":"almanac"'
}
check 'the bundle is served' serves_it
check 'the server exits with 0' stop_server
finish
