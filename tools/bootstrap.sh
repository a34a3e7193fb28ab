#!/usr/bin/env bash
# Makes the project's environments from nothing but Python 3.11+ and, on Debian, apt.
#
#   tools/bootstrap.sh          .venv: the server (CPU), the client, the tools of development
#   tools/bootstrap.sh proto    .venv-proto: the code generator
#   tools/bootstrap.sh oldest   .venv-oldest: the client on the oldest libraries, with its tests' own
#   tools/bootstrap.sh model    .venv-model: torch, and the fonts, to train tiny-clip
#   tools/bootstrap.sh fonts    the fonts that tiny-clip's pictures are drawn with
#
# Installs exactly what the hashed requirement files name. A second run finds its stamp and is done
# at once; a changed requirement file makes the environment anew.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PIP_DISABLE_PIP_VERSION_CHECK=1

say() { printf 'bootstrap: %s\n' "$*"; }
die() { printf 'bootstrap: %s\n' "$@" >&2; exit 1; }

# apt_install WHAT PACKAGE...: runs apt as root, names the line to run otherwise.
apt_install() {
  local what=$1
  shift
  command -v apt-get >/dev/null || die "$what is missing: install it with your package manager."
  if [ "$(id -u)" -ne 0 ]; then
    die "$what is missing. Run this once, then again what you ran:" "  sudo apt-get install $*"
  fi
  say "$what is missing: apt-get update && apt-get install -y $*"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 "$@" >/dev/null
}

# Prints the first interpreter of the supported versions; failing that, one that is newer still.
find_python() {
  local name range found
  for range in '(3, 11) <= v < (3, 14)' '(3, 14) <= v'; do
    for name in ${PYTHON:-} python3 python3.13 python3.12 python3.11; do
      if "$name" -c "import sys; v = sys.version_info; sys.exit(not $range)" 2>/dev/null; then
        "$name" -c 'import sys; print(sys.executable)'
        return
      fi
    done
  done
  found=$(python3 -V 2>/dev/null || true)
  die "Python 3.11 or newer is needed; python3 is ${found:-missing}." \
    "  sudo apt-get install python3 python3-venv   (Debian 12 and later, Ubuntu 24.04 and later)"
}

# Counts pip's lines into "  12/74 numpy", on one line of a terminal, every twentieth elsewhere.
progress() {
  awk -v total="$1" -v tty="$([ -t 1 ] && echo 1 || echo 0)" '
    /^Ignoring/ { total-- }
    /^Collecting/ {
      n++; split($2, name, "=")
      if (tty) printf "\r  %d/%d %-32s", n, total, name[1]
      else if (n % 20 == 0) printf "  %d/%d fetched\n", n, total
      fflush()
    }
    /^Installing collected/ { printf (tty ? "\r  %d fetched, unpacking%-24s\n" : "  %d fetched, unpacking%s\n"), n, ""; fflush() }'
}

# What an environment is made of: a file's text, and the place, which its programs name.
stamp() { { pwd; cat "$1"; } | sha256sum | cut -d' ' -f1; }

# environment DIR REQUIREMENTS
environment() {
  local dir=$1 requirements=$2 python want count
  want=$(stamp "$requirements")
  if [ "$(cat "$dir/stamp" 2>/dev/null)" = "$want" ] && "$dir/bin/python" -c '' 2>/dev/null; then
    return
  fi
  python=$(find_python)
  if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    if [ "$python" -ef /usr/bin/python3 ]; then
      apt_install "Python's venv" python3-venv
    else
      apt_install "Python's venv" "$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
    fi
  fi
  count=$(grep -c '^[A-Za-z0-9]' "$requirements")
  say "$dir: $("$python" -V), $count pinned packages from $requirements"
  "$python" -m venv --clear "$dir"
  "$dir/bin/python" -m pip install --progress-bar off --require-hashes -r "$requirements" |
    progress "$count"
  echo "$want" >"$dir/stamp"
}

# The project itself, editable: what it needs is installed already, the build tools included.
project() {
  local want
  want=$(stamp pyproject.toml)
  [ "$(cat .venv/stamp-project 2>/dev/null)" = "$want" ] && return
  .venv/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
  echo "$want" >.venv/stamp-project
  say "ready: .venv/bin/triptych, .venv/bin/triptych-server"
}

fonts() {
  local folder=/usr/share/fonts/truetype
  [ -e $folder/ancient-scripts/Symbola_hint.ttf ] && [ -e $folder/dejavu/DejaVuSans.ttf ] ||
    apt_install "A font (Symbola, DejaVu)" fonts-symbola fonts-dejavu-core
}

# One at a time: two terminals (or a parallel make) would unpack into the same folder.
exec 9>.bootstrap.lock
flock 9
case "${1:-dev}" in
  dev)
    command -v tesseract >/dev/null || apt_install Tesseract tesseract-ocr
    environment .venv requirements/dev.txt
    project
    ;;
  proto) environment .venv-proto requirements/proto.txt ;;
  oldest) environment .venv-oldest requirements/oldest.txt ;;
  model)
    fonts
    environment .venv-model requirements/model.txt
    ;;
  fonts) fonts ;;
  *) die "no environment '$1': dev, proto, oldest, model or fonts." ;;
esac
