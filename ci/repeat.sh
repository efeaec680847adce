#!/usr/bin/env bash
# Runs the whole suite several times in a row and compares the verdicts, cell for cell.
#   ci/repeat.sh [TIMES] [--busy]      10 times by default; --busy keeps one core occupied meanwhile
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

times=10
busy=
for word in "$@"; do
    case $word in
        --busy) busy=yes ;;
        [1-9]|[1-9][0-9]) times=$word ;;
        *) sed -n '2,3s/^# *//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
    esac
done

mpws=${MPWS:-target/release/mpws}
[ -x "$mpws" ] || cargo build --release -p mpws
results=$(mktemp -d "${TMPDIR:-/tmp}/mpws-repeat.XXXXXX")
burner=
same=
finish() {
    [ -z "$burner" ] || kill "$burner"
    if [ -n "$same" ]; then
        rm -rf "$results"
    else
        printf 'evidence of all runs: %s\n' "$results" >&2
    fi
}
trap finish EXIT
if [ -n "$busy" ]; then
    (while :; do :; done) &
    burner=$!
fi

for number in $(seq "$times"); do
    began=$SECONDS
    status=0
    "$mpws" run --out "$results/$number" >"$results/$number.log" 2>&1 || status=$?
    printf 'run %d of %d: exit code %d, %d s\n' "$number" "$times" "$status" $((SECONDS - began))
    if [ "$status" -ne 0 ]; then
        tail -n 40 "$results/$number.log"
        exit "$status"
    fi
    python3 ci/compare-results.py "$results/1/result.json" "$results/$number/result.json"
done
same=yes
printf '%d runs, the same verdicts\n' "$times"
