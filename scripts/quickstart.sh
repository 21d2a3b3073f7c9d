#!/usr/bin/env bash
# A prompt becomes a turning 3D object, on a machine with nothing but Python. Run again, it reuses .venv.
# usage: bash scripts/quickstart.sh ["a prompt"] [key=value ...]
source "$(dirname "${BASH_SOURCE[0]}")/venv.sh"
make_venv ""
prompt=${1:-a red mushroom}
exec "$VENV/bin/carv3d" train prompt="$prompt" "${@:2}"
