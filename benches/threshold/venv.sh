#!/bin/sh
# venv.sh FOLDER: a virtual environment with the pinned peers in FOLDER, made once; anew when the pins change.
set -eu
pins=$(dirname "$0")/requirements.txt
cmp -s "$pins" "$1/requirements.txt" 2>/dev/null && exit 0
python3 -m venv --clear "$1" || {
  echo "bench: python3 -m venv does not work here (Debian: apt install python3-venv)" >&2; exit 1; }
"$1/bin/pip" install --quiet --disable-pip-version-check --requirement "$pins"
cp "$pins" "$1/requirements.txt" # last: marks the environment whole
