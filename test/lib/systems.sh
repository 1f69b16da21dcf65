# Sourced: minimal Debian systems of other releases, for scripts that need their PostgreSQL. As root.
#
# A system has the name of the release, or `experimental`: that is Debian's unstable release with the PostgreSQL that
# is being prepared for it, and nothing else, from its archive `experimental`.
#
#   MIRROR     Debian's archive (default: the one that apt uses here)
#   SYSTEMS    a directory to keep the systems in for the next time (default: a temporary one, removed)

# The version in `experimental`.
prepared_version=19

local_authorities=/usr/local/share/ca-certificates

skip() {
    echo "skipped: $1"
    exit 77
}

# The archive of Debian among apt's sources, of which apt knows more than their files say.
find_mirror() {
    apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' 'Origin: Debian' 'Label: Debian' 2>/dev/null |
        head -n 1
}

# The releases that a system is made of.
suites_of() {
    if [ "$1" = experimental ]; then
        echo sid experimental
    else
        echo "$1"
    fi
}

# missing_requirement SYSTEM: tells what is missing to make it, if anything is.
missing_requirement() {
    local suite
    [ "$(id -u)" -eq 0 ] || {
        echo "needs root, to make other systems"
        return
    }
    command -v debootstrap >/dev/null || {
        echo "needs debootstrap (apt-get install debootstrap)"
        return
    }
    unshare --mount --pid --fork true 2>/dev/null || {
        echo "the kernel gives no mount and process namespaces here"
        return
    }
    [ -n "$mirror" ] || {
        echo "apt has no archive of Debian here, or no lists of it yet (apt-get update); MIRROR names one"
        return
    }
    for suite in $(suites_of "$1"); do
        # A dependency of debootstrap.
        wget -q --spider "$mirror/dists/$suite/Release" || {
            echo "$mirror does not answer, or has no $suite"
            return
        }
    done
}

# check_requirements SYSTEM...: ends where one cannot be made.
check_requirements() {
    local system missing
    for system in "$@"; do
        missing=$(missing_requirement "$system")
        [ -z "$missing" ] || skip "$missing"
    done
}

# Without a slash at its end, as it is usual in the files that name it.
mirror=${MIRROR:-$(find_mirror)}
mirror=${mirror%/}

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

# make_system SYSTEM DIRECTORY: makes it, unless it is there. DIRECTORY/complete tells the pg_config of a server that
# is not the release's own.
make_system() {
    local suite script
    suite=$(suites_of "$1")
    suite=${suite%% *}
    script=/usr/share/debootstrap/scripts/$suite
    [ ! -e "$2/complete" ] || return 0
    # A release younger than this debootstrap is made like unstable.
    [ -e "$script" ] || script=/usr/share/debootstrap/scripts/sid
    debootstrap --variant=minbase "$suite" "$2" "$mirror" "$script" >"$2.log" 2>&1 || {
        tail -n 20 "$2.log"
        return 1
    }
    # An archive that stands still is out of date to apt, unless it was told here to take it.
    apt-config dump Acquire::Check-Valid-Until >"$2/etc/apt/apt.conf.d/90session_service" || return
    # Authorities that only this machine's administrator trusts may vouch for the registries of its network.
    [ ! -d "$local_authorities" ] || cp -R "$local_authorities" "$2${local_authorities%/*}" || return
    if [ "$1" = experimental ]; then
        add_prepared_version "$2" || return
        echo "/usr/lib/postgresql/$prepared_version/bin/pg_config" >"$2/complete"
    else
        : >"$2/complete"
    fi
}

# add_prepared_version DIRECTORY: apt there takes the server and its libraries from `experimental`.
add_prepared_version() {
    local packages="libpq5 libpq-dev postgresql-$prepared_version postgresql-client-$prepared_version"
    echo "deb $mirror experimental main" >"$1/etc/apt/sources.list.d/experimental.list" &&
        cat >"$1/etc/apt/preferences.d/experimental" <<EOF
Package: $packages postgresql-server-dev-$prepared_version
Pin: release a=experimental
Pin-Priority: 990
EOF
}

# copy_tree TREE SYSTEM: to /source there, nothing that was built.
copy_tree() {
    rm -rf "$2/source"
    mkdir "$2/source"
    tar -C "$1" -cf - --exclude=./.git --exclude=node_modules \
        --exclude='*.o' --exclude='*.d' --exclude='*.so' --exclude=./build . |
        tar -C "$2/source" --no-same-owner -xf -
}

# in_system DIRECTORY COMMAND...: with mounts and processes of its own, which end with the command. What is at
# $shared, where that is set, is at /shared there.
in_system() {
    local pg_config
    pg_config=$(cat "$1/complete")
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
        sh "$1" "${shared:-}" ${pg_config:+PG_CONFIG="$pg_config"} "${@:2}"
}

# run_each MISSING RUN NAME...: RUN NAME for each name, but where MISSING NAME prints what is missing. Says what was
# skipped and what failed. Its status is 0 where all that was not skipped passed, 77 where all was skipped.
run_each() {
    local tell_missing=$1 run=$2 name missing skipped=() failed=()
    shift 2
    for name in "$@"; do
        echo "--- $name"
        missing=$("$tell_missing" "$name")
        if [ -n "$missing" ]; then
            echo "skipped: $missing"
            skipped+=("$name")
            continue
        fi
        "$run" "$name" || failed+=("$name")
    done
    [ ${#skipped[@]} -eq 0 ] || echo "skipped: ${skipped[*]}"
    [ ${#failed[@]} -eq 0 ] || {
        echo "failed: ${failed[*]}"
        return 1
    }
    [ ${#skipped[@]} -lt $# ] || return 77
}
