#!/usr/bin/env bash
# The long form of the tests that look for rare faults: `make soak`. Hours.
#
# Runs stages of test/run.sh with EXTENT=soak, in which races, crashes, the reference model and hostile input
# run for minutes or hours each instead of seconds, and writes what was done and counted to soak-report.txt.
#
#   REPORT       the report's file (default soak-report.txt, in the directory where it is called)
#   FUZZ_RUNS    inputs for each fuzzer (default 12000000)
#
# Then it runs test/valgrind.sh, test/core_regress.sh, test/versions.sh, test/upgrade.sh and test/packages.sh, which say
# so where they cannot. Arguments are stages of test/run.sh, instead of all that.
set -euo pipefail

report=$(realpath "${REPORT:-soak-report.txt}")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts=()
[ $# -gt 0 ] || {
    set -- build fuzz tap sanitize
    scripts=(valgrind core_regress versions upgrade packages)
}
export EXTENT=soak STAGE_SECONDS=${STAGE_SECONDS:-36000} FUZZ_RUNS=${FUZZ_RUNS:-12000000}
{
    version=$(sed -n "s/^default_version = '\(.*\)'/\1/p" session_service.control)
    revision=$(git describe --always --dirty 2>/dev/null || true)
    echo "session_service $version${revision:+, revision $revision}"
    echo "Begun $(date -u '+%Y-%m-%d %H:%M:%S') UTC on $(nproc) processors, Linux $(uname -r)."
    status=0
    bash test/run.sh "$@" || status=$?
    for script in "${scripts[@]}"; do
        echo "=== test/$script.sh"
        skipped=0
        bash "test/$script.sh" || skipped=$?
        [ "$skipped" -eq 0 ] || [ "$skipped" -eq 77 ] || status=1
    done
    echo "Ended $(date -u '+%Y-%m-%d %H:%M:%S') UTC."
    exit "$status"
} 2>&1 | tee "$report"
