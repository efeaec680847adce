#!/usr/bin/env bash
# Runs cells in containers several times and compares what the engine holds after the first run and after the last:
#   ci/container-growth.sh [TIMES] [SELECTOR...]
# 10 times by default. The images are built before the first run. Needs root, Docker Engine, and nobody else who uses it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

times=10
case ${1:-} in
    [1-9]|[1-9][0-9]) times=$1; shift ;;
    -*) sed -n '2,4s/^# *//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
cells=("$@")
[ ${#cells[@]} -gt 0 ] || cells=('negotiation/both-ends@websockets-*/mptcp/v4')

mpws=${MPWS:-target/release/mpws}
[ -x "$mpws" ] || cargo build --release -p mpws
results=$(mktemp -d "${TMPDIR:-/tmp}/mpws-growth.XXXXXX")
trap 'rm -rf "$results"' EXIT

# Names and sizes, one a line; sizes are those of `docker system df`.
held() {
    docker ps --all --no-trunc --format 'container {{.ID}}'
    docker images --all --no-trunc --format 'image {{.ID}} {{.Size}}' | sort
    docker volume ls --format 'volume {{.Name}}'
    docker network ls --no-trunc --format 'network {{.ID}}' | sort
    docker system df --format '{{.Type}} {{.TotalCount}} {{.Size}}'
}

for number in $(seq "$times"); do
    status=0
    "$mpws" run --launcher container --out "$results/run" "${cells[@]}" >"$results/log" 2>&1 || status=$?
    printf 'run %d of %d: exit code %d, %s\n' "$number" "$times" "$status" "$(grep -E '^[0-9]+ cells? in' "$results/log")"
    if [ "$status" -ne 0 ]; then
        tail -n 40 "$results/log"
        exit "$status"
    fi
    [ "$number" -gt 1 ] || held >"$results/first"
done
held >"$results/last"
if ! diff "$results/first" "$results/last"; then
    printf 'the engine holds something else after %d runs than after one\n' "$times" >&2
    exit 1
fi
printf 'the engine holds the same after %d runs as after one: %s\n' "$times" "$(tail -n 4 "$results/last" | tr '\n' ';')"
