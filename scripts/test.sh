#!/usr/bin/env bash
# The whole test suite in the venv that scripts/quickstart.sh makes too. usage: bash scripts/test.sh [pytest arguments]
source "$(dirname "${BASH_SOURCE[0]}")/venv.sh"
make_venv "[test]"
exec "$VENV/bin/python" -m pytest -n auto --dist worksteal "$@"
