#!/bin/sh
# The paper's experiments, from an empty disk: sets everything up, makes the captures, trains and measures the 21 runs,
# sets the tables and draws the figures. What is there is kept: stop it when you like, and call it again.
#
#   ./paper.sh FOLDER...                  folders with the photographs and panoramas of monitor-v1 and real-v1
#   PROFILE=paper ./paper.sh FOLDER...    published widths, batches and epochs: for a GPU
set -eu

if [ $# -eq 0 ]; then
    sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi

PROFILE="${PROFILE:-laptop}"
here="$(cd "$(dirname "$0")" && pwd)"
for folder in "$@"; do
    shift
    set -- "$@" "$(cd "$folder" && pwd)"
done
cd "$here"

make .venv/ready-dev
.venv/bin/crispnet study "$@" --profile "$PROFILE" --output study --results results
.venv/bin/crispnet tables --profile "$PROFILE"
.venv/bin/crispnet figures --profile "$PROFILE" --output docs
.venv/bin/python benchmarks/report.py --write
