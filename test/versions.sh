#!/usr/bin/env bash
# Builds and tests with the PostgreSQL of other Debian releases: `bash test/versions.sh [SUITE...]`, as
# root. Optional: no other script calls it.
#
# For each suite (by default trixie, which has PostgreSQL 17, and forky, which has 18) it makes a minimal
# Debian system with debootstrap, copies the tree there, and runs test/run.sh in it. The system has its
# own mounts and processes, which end with it. A system takes about 2 GB while it is there.
#
# Skipped, with the reason, where it does not run as root, where debootstrap is missing, where the kernel
# gives no namespaces (in most containers), or where the mirror does not answer.
#
#   MIRROR     Debian's archive (default http://deb.debian.org/debian)
#   STAGES     of test/run.sh (default: layers build unit regress isolation tap examples; the form of the
#              code is checked by one version of the tools alone)
#   SYSTEMS    a directory to keep the systems in for the next time (default: a temporary one, removed)
#
# The exit status is 0 where every suite passed, 77 where all was skipped.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
mirror=${MIRROR:-http://deb.debian.org/debian}
stages=${STAGES:-layers build unit regress isolation tap examples}

skip() {
    echo "skipped: $1"
    exit 77
}

# check_requirements SUITE
check_requirements() {
    [ "$(id -u)" -eq 0 ] || skip "needs root, to make other systems"
    command -v debootstrap >/dev/null || skip "needs debootstrap (apt-get install debootstrap)"
    unshare --mount --pid --fork true 2>/dev/null || skip "the kernel gives no mount and process namespaces here"
    # A dependency of debootstrap.
    wget -q --spider "$mirror/dists/$1/Release" || skip "$mirror does not answer, or has no $1"
}

# make_system SUITE DIRECTORY: a minimal system, unless there is one.
make_system() {
    local script=/usr/share/debootstrap/scripts/$1
    [ ! -e "$2/complete" ] || return 0
    # A release younger than this debootstrap is made like unstable.
    [ -e "$script" ] || script=/usr/share/debootstrap/scripts/sid
    debootstrap --variant=minbase "$1" "$2" "$mirror" "$script" >"$2.log" 2>&1 || { tail -n 20 "$2.log"; return 1; }
    touch "$2/complete"
}

# test_in SYSTEM: runs the suite in a copy of the tree.
test_in() {
    rm -rf "$1/source"
    mkdir "$1/source"
    tar -C "$top" -cf - --exclude=./.git --exclude=node_modules --exclude=./build . | tar -C "$1/source" --no-same-owner -xf -
    # shellcheck disable=SC2016,SC2086
    unshare --mount --pid --fork --kill-child sh -c '
        system=$1
        shift
        mount -t proc proc "$system/proc"
        mount -t tmpfs tmpfs "$system/dev/shm"
        exec chroot "$system" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
            bash /source/test/run.sh "$@"' sh "$1" $stages
}

remove_temporary() {
    [ -z "${temporary:-}" ] || rm -rf --one-file-system "$temporary"
}

[ $# -gt 0 ] || set -- trixie forky
check_requirements "$1"
if [ -n "${SYSTEMS:-}" ]; then
    systems=$(mkdir -p "$SYSTEMS" && cd "$SYSTEMS" && pwd)
else
    temporary=$(mktemp -d)
    systems=$temporary
    trap remove_temporary EXIT
    trap 'exit 130' INT TERM HUP
fi

failed=()
for suite in "$@"; do
    echo "--- $suite"
    if make_system "$suite" "$systems/$suite" && test_in "$systems/$suite"; then
        continue
    fi
    failed+=("$suite")
done
[ ${#failed[@]} -eq 0 ] || { echo "failed: ${failed[*]}"; exit 1; }
