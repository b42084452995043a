# Sourced: brings what the tests use of real plugins and music, and names it in TONEMILL_REAL_MUSIC,
# TONEMILL_REAL_TRIXIE, TONEMILL_REAL_PYTHON, and an object store in TONEMILL_REAL_S3.
# Whatever cannot be had is left unset with a line that says so; the tests that need it then say that they are skipped.
# TONEMILL_REAL names the folder to keep it in; the default lies under target/.

real=$(realpath -m "${TONEMILL_REAL:-target/real}")
mkdir -p "$real"

# Runs one bringing step with its output in a log; says how it went.
bring() { # NAME COMMAND...
  local name=$1
  shift
  if "$@" >"$real/$name.log" 2>&1; then
    echo "$name: ready"
  else
    echo "$name: cannot be had here, so the tests that need it are skipped (log: $real/$name.log; last line: $(tail -n 1 "$real/$name.log"))"
    return 1
  fi
}

packages() {
  local missing=()
  for package in "$@"; do
    dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}"
}

if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  bring tools packages patchelf flac shellcheck || true
  bring native-plugins packages zam-plugins || true
  # guitarix, mda, x42, Calf, Ardour's and drums as LV2, and a SoundFont for them.
  bring lv2-plugins packages guitarix-lv2 mda-lv2 x42-plugins calf-plugins ardour-lv2-plugins avldrums.lv2 avldrums.lv2-soundfont timgm6mb-soundfont lilv-utils || true
  # Another measurement of loudness and true peak.
  bring ffmpeg packages ffmpeg || true
  # A Slurm that tests start, without any service of it running.
  bring slurm scripts/slurm/setup || true
  bring music scripts/real/fetch-data.sh "$real/music" && export TONEMILL_REAL_MUSIC=$real/music
  bring trixie scripts/real/setup-trixie.sh "$real/trixie" && export TONEMILL_REAL_TRIXIE=$real/trixie
else
  echo "Real plugins and music are skipped: bringing them needs apt-get and root."
fi

# Python's own readers of data sets, in an environment of their own.
bring python scripts/real/setup-python.sh "$real/python" && export TONEMILL_REAL_PYTHON=$real/python || true

# A server that speaks as S3 does.
bring s3 scripts/real/setup-s3.sh "$real/s3" && export TONEMILL_REAL_S3=$real/s3 || true
