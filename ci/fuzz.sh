#!/usr/bin/env bash
# Runs every fuzz target for a fixed number of inputs, or for a time, beginning with the seeds that are checked in:
#   ci/fuzz.sh RUNS [TARGET...]
#   ci/fuzz.sh SECONDSs [TARGET...]      such as 3600s; the processor time that each took is printed
# Needs cargo-fuzz (installed into target/tools where it is missing) and a C++ compiler. With the same RUNS and the same code the
# inputs are the same. A crash ends it with the input in fuzz/artifacts; mend the fault and keep the input in fuzz/seeds.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly CARGO_FUZZ=0.13.2
# Larger inputs find nothing new and take long.
readonly MAX_LENGTH=16384
# Seconds for one input: generous, since the machine may be busy; a hang is far longer.
readonly TIMEOUT=60

amount=${1:?usage: ci/fuzz.sh RUNS|SECONDSs [TARGET...]}
shift
if [[ ! $amount =~ ^[1-9][0-9]*s?$ ]]; then
    printf 'neither a number of inputs nor of seconds: %s\n' "$amount" >&2
    exit 2
fi
case $amount in
    *s) bound=(-max_total_time="${amount%s}") ;;
    *) bound=(-runs="$amount" -seed=1) ;;
esac
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    targets=(mptcp_options websocket handshake deflate capture)
fi

if ! cargo fuzz --version > /dev/null 2>&1; then
    cargo install --quiet --locked --version "$CARGO_FUZZ" --root target/tools cargo-fuzz
    PATH=$PWD/target/tools/bin:$PATH
fi
# The sanitizers are unstable flags, which the stable compiler takes with this set.
export RUSTC_BOOTSTRAP=1

for target in "${targets[@]}"; do
    corpus=$(mktemp -d)
    seeds=("fuzz/seeds/$target")
    if [ "$target" = capture ]; then
        seeds=(crates/mpws-trace/tests/captures/data crates/mpws-trace/tests/foreign)
    fi
    printf '%s: %s\n' "$target" "$amount"
    cargo fuzz build "$target"
    TIMEFORMAT="$target: %U s of processor time in user mode, %R s by the clock"
    time cargo fuzz run "$target" "$corpus" "${seeds[@]}" -- \
        "${bound[@]}" -max_len="$MAX_LENGTH" -timeout="$TIMEOUT" -verbosity=0 -print_final_stats=1
    rm -rf "$corpus"
done
