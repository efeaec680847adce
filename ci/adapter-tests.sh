#!/usr/bin/env bash
# The unit tests of an adapter with one pinned version of its library: ci/adapter-tests.sh TESTS SCRATCH REQUIREMENTS
set -euo pipefail

tests=$1 scratch=$2 requirements=$3
peer=$(basename "$(dirname "$requirements")")
name=$peer-$(basename "$requirements" .txt)
site=$scratch/$name

/usr/bin/python3 -m pip install --quiet --no-deps --require-hashes --target "$site" -r "$requirements"
began=$SECONDS
# Several versions run at once: each shows its output whole.
if ! said=$(cd "$tests" && MPWS_SITE=$site MPWS_PEER=$peer PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 -m unittest 2>&1); then
    printf '%s with %s:\n%s\n' "$tests" "$name" "$said"
    exit 1
fi
printf '%s with %s: %s, %d s\n' "$tests" "$name" "$(printf '%s' "$said" | tail -n 1)" $((SECONDS - began))
