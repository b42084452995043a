#!/bin/sh
# Fetches jobs/examples/data/guitar.flac: a clean guitar's E minor ninth (CC0) from Debian's package sonic-pi-samples.
# Needs apt-get and dpkg-deb; installs nothing. Fails if the package holds another recording than the one expected.
set -eu
expected=e6dbbdc5aef03fada9cbd84d9ef000472c6954db9badcf5721969c515d46c2f1
target=$(cd "$(dirname "$0")/.." && pwd)/jobs/examples/data/guitar.flac
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
(cd "$folder" && apt-get download sonic-pi-samples >/dev/null && dpkg-deb -x sonic-pi-samples_*.deb root)
found=$(find "$folder/root" -name guit_em9.flac)
if ! echo "$expected  $found" | sha256sum --check --status; then
    echo "fetch-guitar: the package's guit_em9.flac is not the recording that is expected" >&2
    exit 1
fi
mkdir -p "$(dirname "$target")"
install -m 644 "$found" "$target"
echo "$target"
