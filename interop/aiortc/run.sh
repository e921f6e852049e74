#!/usr/bin/env bash
# Calls between aiortc and the example server, each side offering in turn: data, sound and pictures.
#
#   run.sh [--once | --bars] [--only WORDS] [--server PATH]
#
# A line of JSON per check, exit 0 when all passed. The server is the newest build under target/ unless one is given.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../../target}
venv=$target/interop-aiortc
if ! command -v python3 >/dev/null; then
    echo "skipped: no python3 here"
    exit 0
fi
if ! "$venv/bin/python" -c 'import aiortc; assert aiortc.__version__ == "1.16.0"' 2>/dev/null; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet aiortc==1.16.0
fi
exec "$venv/bin/python" "$here/run.py" --target "$target" "$@"
