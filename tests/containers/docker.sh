# To be sourced: `build` is `docker build` by BuildKit, whichever client brings it along. It says nothing unless it fails.
if docker buildx version >/dev/null 2>&1; then
  build_command=(docker buildx build --load)
else
  # Clients before 23 have BuildKit in them; later ones need buildx, and may stand before an older one on the path.
  build_command=()
  while read -r client; do
    version=$("$client" version --format '{{.Client.Version}}' 2>/dev/null || true)
    if [ -n "$version" ] && [ "${version%%.*}" -lt 23 ]; then build_command=(env DOCKER_BUILDKIT=1 "$client" build); break; fi
  done < <(which -a docker)
  if [ ${#build_command[@]} -eq 0 ]; then echo "no docker client here has BuildKit: install buildx" >&2; exit 1; fi
fi

build() {
  local log
  log=$(mktemp)
  if ! "${build_command[@]}" --progress plain "$@" >"$log" 2>&1; then
    tail -n 60 "$log" >&2
    echo "the whole log: $log" >&2
    return 1
  fi
  if [ -n "${BUILD_LOG:-}" ]; then cp "$log" "$BUILD_LOG"; fi
  rm "$log"
}
