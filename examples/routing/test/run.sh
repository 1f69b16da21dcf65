#!/usr/bin/env bash
# The libraries of this directory against the vectors that the extension is held to as well (test/sql/routing.sql).
# Prints TAP, one test for each language; one that is not here, or not for this user, is skipped. Needs no server.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

built=$(mktemp -d)
trap 'rm -rf "$built"' EXIT

export VECTORS=$PWD/vectors.tsv
wanted="$(grep -vc '^#' "$VECTORS") vectors"

python() { PYTHONDONTWRITEBYTECODE=1 python3 python/routing_test.py "$VECTORS"; }

javascript() { node javascript/routing_test.mjs "$VECTORS"; }

# Go comes without its standard library compiled: half a minute, but for a third less without optimizing.
go_() { cd go && GOFLAGS='' GOTOOLCHAIN=local GOCACHE=$built/go go test -count=1 -vet=off -gcflags='all=-N -l' -v .; }

java_() { javac -d "$built/java" java/*.java && java -cp "$built/java" RoutingTest "$VECTORS"; }

rust() { rustc --edition 2021 -D warnings -o "$built/rust" rust/routing_test.rs && "$built/rust" "$VECTORS"; }

number=0

# test_language NAME TEST COMMAND: it has to say that it saw every vector.
test_language() {
    local name="routing in $1" test=$2 command=$3
    number=$((number + 1))
    if ! "$command" "${@:4}" >/dev/null 2>&1; then
        echo "ok $number - $name # skip no $command"
    elif ("$test") >"$built/output" 2>&1 && grep -qx "$wanted" "$built/output"; then
        echo "ok $number - $name"
    else
        echo "not ok $number - $name"
        sed 's/^/# /' "$built/output"
    fi
}

test_language Python python python3 --version
test_language JavaScript javascript node --version
test_language Go go_ go version
test_language Java java_ javac -version
test_language Rust rust rustc --version
echo "1..$number"
