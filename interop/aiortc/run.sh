#!/usr/bin/env bash
# Calls between aiortc and the example server, each side offering in turn: data, sound and pictures. And files, round trips, films and
# networks between aiortc's datachannel-filexfer, datachannel-cli, videostream-cli and datachannel-vpn, which are fetched with its
# sources, and ours.
#
#   run.sh [--once | --bars] [--only WORDS] [--server PATH] [--filexfer PATH] [--peer PATH]
#   run.sh --example           # installs aiortc and what its examples need, for the benches, and calls nobody
#
# A line of JSON per check, exit 0 when all passed. Programs are the newest builds under target/ unless they are given.
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
# Its videostream-cli draws with it.
if ! "$venv/bin/python" -c 'import cv2' 2>/dev/null; then
    "$venv/bin/pip" install --quiet opencv-python-headless
fi
examples=$target/interop-aiortc-examples
if [ ! -e "$examples/datachannel-filexfer/filexfer.py" ]; then
    sources=$(mktemp -d)
    "$venv/bin/pip" download --quiet --no-deps --no-binary :all: --dest "$sources" aiortc==1.16.0
    mkdir -p "$examples"
    tar -xzf "$sources"/aiortc-1.16.0.tar.gz --strip-components=2 -C "$examples" aiortc-1.16.0/examples
    rm -r "$sources"
fi
if [ "${1-}" = --example ]; then
    "$venv/bin/python" -c 'import aiohttp' 2>/dev/null || "$venv/bin/pip" install --quiet aiohttp
    exit 0
fi
exec "$venv/bin/python" "$here/run.py" --target "$target" --examples "$examples" "$@"
