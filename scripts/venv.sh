# Sourced by the two entry scripts: makes .venv with carv3d in it, from wheels only, or reuses the one that is there.
# usage: make_venv EXTRAS   (EXTRAS like "" or "[test]"); sets $VENV
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
VENV=$PWD/.venv
TORCH="torch>=2.11,<2.14"

find_python() {
  local candidate
  for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 python3.10 python}; do
    if "$candidate" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; then
      echo "$candidate"; return
    fi
  done
  echo "carv3d needs Python 3.10 to 3.13; none was found. Set PYTHON to the path of one." >&2
  exit 2
}

make_venv() {
  local extras=$1 stamp want
  stamp=$VENV/.carv3d-installed$extras
  want=$(cat setup.py scripts/venv.sh | cksum)" ${CARV3D_TORCH_INDEX:-}"
  if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ]; then return; fi
  if [ ! -x "$VENV/bin/python" ]; then
    local python; python=$(find_python)
    echo "making $VENV with $("$python" --version)" >&2
    "$python" -m venv "$VENV" || { echo "The module venv is missing (on Debian: apt install python3-venv)." >&2; exit 2; }
  fi
  local pip=("$VENV/bin/python" -m pip --disable-pip-version-check)
  if ! "$VENV/bin/python" -c "import torch" 2>/dev/null; then
    local from=(); [ -z "${CARV3D_TORCH_INDEX:-}" ] || from=(--index-url "$CARV3D_TORCH_INDEX")
    "$VENV/bin/python" scripts/torch_build.py "$TORCH" "${from[@]}" >&2
    "${pip[@]}" install --quiet --only-binary=:all: "${from[@]}" "$TORCH" >&2
  fi
  echo "installing carv3d$extras and what it needs" >&2
  "${pip[@]}" install --quiet --only-binary=:all: --editable ".$extras" >&2
  printf '%s' "$want" > "$stamp"
}
