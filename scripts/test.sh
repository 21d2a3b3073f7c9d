#!/usr/bin/env bash
# Ruff, mypy and the whole test suite, in the venv that scripts/quickstart.sh makes too. All three are run; the script
# fails if any does, and pytest's closing line is the last.
# usage: bash scripts/test.sh [pytest arguments]   (with arguments: pytest alone, without ruff and mypy)
source "$(dirname "${BASH_SOURCE[0]}")/venv.sh"
make_venv "[test]"
status=0
if [ $# -eq 0 ]; then
  "$VENV/bin/python" -m ruff check . || status=1
  "$VENV/bin/python" -m mypy || status=1
fi
"$VENV/bin/python" -m pytest -n auto --dist worksteal "$@" || status=$?
exit "$status"
