# Sourced: minimal Debian systems of other releases, for scripts that need their PostgreSQL. As root.
#
#   MIRROR     Debian's archive (default http://deb.debian.org/debian)
#   SYSTEMS    a directory to keep the systems in for the next time (default: a temporary one, removed)

mirror=${MIRROR:-http://deb.debian.org/debian}

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

remove_temporary() {
    [ -z "${temporary:-}" ] || rm -rf --one-file-system "$temporary"
}

# Sets `systems`, the directory to make them in.
choose_directory() {
    if [ -n "${SYSTEMS:-}" ]; then
        systems=$(mkdir -p "$SYSTEMS" && cd "$SYSTEMS" && pwd)
    else
        temporary=$(mktemp -d)
        systems=$temporary
        trap remove_temporary EXIT
        trap 'exit 130' INT TERM HUP
    fi
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

# copy_tree TREE SYSTEM: to /source there, nothing that was built.
copy_tree() {
    rm -rf "$2/source"
    mkdir "$2/source"
    tar -C "$1" -cf - --exclude=./.git --exclude=node_modules --exclude='*.o' --exclude='*.d' --exclude='*.so' --exclude=./build . |
        tar -C "$2/source" --no-same-owner -xf -
}

# in_system SYSTEM COMMAND...: with mounts and processes of its own, which end with the command. What is at
# $shared, where that is set, is at /shared there.
in_system() {
    # shellcheck disable=SC2016
    unshare --mount --pid --fork --kill-child sh -c '
        system=$1
        shared=$2
        shift 2
        mount -t proc proc "$system/proc"
        mount -t tmpfs tmpfs "$system/dev/shm"
        if [ -n "$shared" ]; then
            mkdir -p "$system/shared"
            mount --bind "$shared" "$system/shared"
        fi
        exec chroot "$system" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 "$@"' \
        sh "$1" "${shared:-}" "${@:2}"
}
