#!/usr/bin/env bash
# Runs the suite several times in a row and compares the verdicts, cell for cell.
#   ci/repeat.sh [TIMES] [--busy] [--full] [SELECTOR...]
# 10 times by default, all cells; --busy keeps one core occupied meanwhile, --full takes the profile full.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

times=10
busy=
cells=()
for word in "$@"; do
    case $word in
        --busy) busy=yes ;;
        --full) cells+=(--profile full) ;;
        -*) sed -n '2,4s/^# *//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
        [1-9]|[1-9][0-9]) times=$word ;;
        *) cells+=("$word") ;;
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
    "$mpws" run "${cells[@]}" --out "$results/$number" >"$results/$number.log" 2>&1 || status=$?
    printf 'run %d of %d: exit code %d, %d s\n' "$number" "$times" "$status" $((SECONDS - began))
    if [ "$status" -ne 0 ]; then
        tail -n 40 "$results/$number.log"
        exit "$status"
    fi
    python3 ci/compare-results.py --only verdict,known "$results/1/result.json" "$results/$number/result.json"
done
same=yes
printf '%d runs, the same verdicts\n' "$times"
