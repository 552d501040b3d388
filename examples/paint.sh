#!/bin/sh
# Paints a photograph: URL=http://127.0.0.1:8080 KEY=impasto_… ./paint.sh photograph.jpg painting.jpg painted.png [-F size=256 …]
set -eu
ask() { curl -sS --fail-with-body ${KEY:+-H "Authorization: Bearer $KEY"} "$@"; }
field() { sed "s/.*\"$1\":\"\([^\"]*\)\".*/\1/"; }
content=$1 style=$2 output=$3; shift 3
submitted=$(ask -F content=@"$content" -F style=@"$style" "$@" "$URL/v1/jobs") || { printf '%s\n' "$submitted" >&2; exit 1; }
job=$URL/v1/jobs/$(printf '%s\n' "$submitted" | field id)
while status=$(ask "$job?wait=30" | field status); [ "$status" = queued ] || [ "$status" = running ]; do :; done
[ "$status" = succeeded ] || { ask "$job" >&2; exit 1; }
ask -o "$output" "$job/result" && echo "$output"
