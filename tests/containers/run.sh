#!/usr/bin/env bash
# Tries the containers and manifests of docker/ (run.py says what), on base images of its own making where none can be pulled.
# On Debian, as root. What it installs besides goes into target/ci-tools.
#   tests/containers/run.sh [--compose] [--fleet]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tools=$here/../../target/ci-tools
if ! command -v debootstrap >/dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends debootstrap >/dev/null
fi
if [ ! -x "$tools/containers/bin/python" ]; then python3 -m venv "$tools/containers"; fi
"$tools/containers/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt"
exec "$tools/containers/bin/python" "$here/run.py" "$@"
