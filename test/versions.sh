#!/usr/bin/env bash
# Builds and tests with the PostgreSQL of other Debian releases: `bash test/versions.sh [SUITE...]`, as
# root. Optional: only test/soak.sh calls it.
#
# For each suite (by default trixie, which has PostgreSQL 17, and forky, which has 18) it makes a minimal
# Debian system with debootstrap, copies the tree there, and runs test/run.sh in it. The system has its
# own mounts and processes, which end with it. A system takes about 2 GB while it is there.
#
# Skipped, with the reason, where it does not run as root, where debootstrap is missing, where the kernel
# gives no namespaces (in most containers), or where the mirror does not answer.
#
#   MIRROR         Debian's archive (default http://deb.debian.org/debian)
#   STAGES         of test/run.sh (default: layers build unit regress isolation tap examples; the form of the
#                  code is checked by one version of the tools alone)
#   STAGE_SECONDS  as test/run.sh has it
#   SYSTEMS        a directory to keep the systems in for the next time (default: a temporary one, removed)
#
# The exit status is 0 where every suite passed, 77 where all was skipped.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=/dev/null
. "$top/test/lib/systems.sh"
stages=${STAGES:-layers build unit regress isolation tap examples}

# test_in SYSTEM: runs the suite in a copy of the tree.
test_in() {
    copy_tree "$top" "$1" || return
    # shellcheck disable=SC2086
    in_system "$1" ${STAGE_SECONDS:+STAGE_SECONDS="$STAGE_SECONDS"} bash /source/test/run.sh $stages
}

[ $# -gt 0 ] || set -- trixie forky
check_requirements "$1"
choose_directory

failed=()
for suite in "$@"; do
    echo "--- $suite"
    if make_system "$suite" "$systems/$suite" && test_in "$systems/$suite"; then
        continue
    fi
    failed+=("$suite")
done
[ ${#failed[@]} -eq 0 ] || { echo "failed: ${failed[*]}"; exit 1; }
