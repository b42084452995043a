#!/bin/bash
# setup-s3.sh DIR: a virtual environment with a server that speaks as S3 does, with conditional puts, multipart uploads and
# credentials that can be refused. Idempotent; ~60 MB down, ~320 MB kept. Needs python3 (3.10 or newer) with venv, and a
# package index.
set -euo pipefail
D=$(realpath -m "$1")
PACKAGES="moto[s3,server]==5.2.5"
STAMP=$D/.done-$(echo "$PACKAGES" | sha256sum | cut -c1-12); [ -e "$STAMP" ] && exit 0
rm -rf "$D"
python3 -m venv "$D"
"$D/bin/pip" install --quiet --disable-pip-version-check "$PACKAGES"
touch "$STAMP"
