#!/usr/bin/env bash
# Prints the path of a program that bookworm has not, or not new enough: docker-compose (2.26) or kustomize, out of the packages of
# Debian's next release. It is unpacked into target/ci-tools/newer, and nothing is installed.
set -euo pipefail
package=${1:?docker-compose or kustomize}
tools=$(cd "$(dirname "$0")/../.." && pwd)/target/ci-tools/newer
find_it() { find "$tools/root" -name "$package" -type f -perm -u+x 2>/dev/null | head -n 1; }

if [ -z "$(find_it)" ]; then
  mkdir -p "$tools/lists/partial"
  mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie main" >"$tools/sources.list"
  apt=(apt-get -qq -o "Dir::Etc::SourceList=$tools/sources.list" -o Dir::Etc::SourceParts=/nonexistent
    -o "Dir::State::Lists=$tools/lists" -o "Dir::Cache::pkgcache=" -o "Dir::Cache::srcpkgcache=" -o APT::Sandbox::User=root)
  cd "$tools"
  "${apt[@]}" update >&2
  "${apt[@]}" download "$package" >&2
  dpkg-deb -x "$package"_*.deb root
fi
find_it
