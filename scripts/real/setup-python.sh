#!/bin/bash
# setup-python.sh DIR: a virtual environment with the Python packages that read the data sets of `tonemill package`.
# Idempotent; ~110 MB down, ~370 MB kept, no torch. Needs python3 (3.10 or newer) with venv, and a package index.
set -euo pipefail
D=$(realpath -m "$1")
# datasets 3 reads sounds with soundfile; from 4 on it wants torch to list them. It does not know the texts of pandas 3.
PACKAGES="datasets==3.6.0 pandas==2.3.3 webdataset==1.0.2 soundfile==0.14.0"
STAMP=$D/.done-$(echo "$PACKAGES" | sha256sum | cut -c1-12); [ -e "$STAMP" ] && exit 0
rm -rf "$D"
python3 -m venv "$D"
# shellcheck disable=SC2086
"$D/bin/pip" install --quiet --disable-pip-version-check $PACKAGES
touch "$STAMP"
